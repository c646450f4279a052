//! Files as others write them, which are right: nothing is found in them.

use super::documents::document;
use super::{shipped_file, shipped_values, verdict};
use serde_json::{Value, json};

const ENVOY: &str = "standalone.yaml";
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// Returns the values of a shipped file as one text, after an edit of the first.
fn edited(file: &str, edit: impl Fn(&mut Value)) -> String {
    let mut values = shipped_values(file);
    edit(&mut values[0]);
    let text: Vec<String> = values.iter().map(ToString::to_string).collect();
    text.join("\n---\n")
}

fn filters(value: &mut Value) -> &mut Vec<Value> {
    value.pointer_mut(&format!("{MANAGER}/http_filters")).unwrap().as_array_mut().unwrap()
}

/// Returns a filter of another kind.
fn lua() -> Value {
    json!({"name": "lua", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"}})
}

/// Returns a text with the names of fields in the form that JSON of other programs has.
fn with_json_names(text: &str) -> String {
    let names = [
        ("static_resources", "staticResources"),
        ("filter_chains", "filterChains"),
        ("http_filters", "httpFilters"),
        ("typed_config", "typedConfig"),
        ("vm_config", "vmConfig"),
        ("environment_variables", "environmentVariables"),
        ("host_env_keys", "hostEnvKeys"),
        ("failure_policy", "failurePolicy"),
        ("virtual_hosts", "virtualHosts"),
        ("transport_socket", "transportSocket"),
        ("common_tls_context", "commonTlsContext"),
        ("typed_extension_protocol_options", "typedExtensionProtocolOptions"),
        ("header_value_prefix", "headerValuePrefix"),
        ("sds_config", "sdsConfig"),
    ];
    let name = |text: String, (name, in_json): &(&str, &str)| {
        text.replace(&format!("{name}:"), &format!("{in_json}:"))
    };
    names.iter().fold(text.to_owned(), name)
}

#[test]
fn other_forms_of_the_shipped_files_are_right() {
    let text = |from: &str, to: &str| shipped_file(ENVOY, from, to);
    let cases = [
        ("a byte order mark", format!("\u{feff}{}", text("plans:", "plans:"))),
        ("Windows' line ends", text("plans:", "plans:").replace('\n', "\r\n")),
        ("JSON", edited(ENVOY, |_| {})),
        ("other names of clusters", text("plans:", "plans:").replace("stripe_api", "payments")),
        ("other names of filters", text("- name: plan_gate\n", "- name: my.gate\n")),
        (
            "other names of a module and its plugin",
            text("/etc/tollgate/plan_gate.wasm", "/gate.wasm")
                .replace("  name: plan_gate\n", "  name: gate\n"),
        ),
        (
            "weighted clusters",
            text("cluster: upstream\n", "weighted_clusters: {clusters: [{name: upstream, weight: 1}]}\n"),
        ),
        ("a cluster by header", text("cluster: upstream\n", "cluster_header: x-cluster\n")),
        (
            "other filters around",
            edited(ENVOY, |value| {
                filters(value).insert(0, lua());
                filters(value).insert(6, lua());
            }),
        ),
        (
            "the document as JSON text",
            edited(ENVOY, |value| {
                for filter in filters(value).iter_mut().skip(1).take(4) {
                    let configuration = filter.pointer_mut("/typed_config/config/configuration").unwrap();
                    let document = configuration["value"].to_string();
                    *configuration = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": document});
                }
            }),
        ),
        (
            "clusters from elsewhere",
            edited(ENVOY, |value| {
                value["static_resources"]["clusters"] = json!([]);
                value["dynamic_resources"] =
                    json!({"cds_config": {"path_config_source": {"path": "cds.yaml"}}});
            }),
        ),
        (
            "a second listener",
            edited(ENVOY, |value| {
                let mut other = value["static_resources"]["listeners"][0].clone();
                other["address"]["socket_address"]["port_value"] = json!(8081);
                value["static_resources"]["listeners"].as_array_mut().unwrap().push(other);
            }),
        ),
        ("names of fields as in JSON", with_json_names(&text("plans:", "plans:"))),
        (
            "a document in flow style",
            document(|_| {}).replace("\"plans\":", "plans: ").replace("\"name\":", "name: "),
        ),
        (
            "a namespace that kubectl is given",
            shipped_file("envoy-gateway/tollgate.yaml", "plans:", "plans:")
                .replace(", namespace: tollgate}", "}"),
        ),
        (
            "patches by the name of the Gateway's listener",
            shipped_file("envoy-gateway/tollgate.yaml", "plans:", "plans:")
                .replace("name: tcp-80", "name: tollgate/tollgate/public"),
        ),
    ];
    for (why, text) in cases {
        let found = verdict(&text).all();
        assert!(found.is_empty(), "{why}: {found:?}");
    }
}
