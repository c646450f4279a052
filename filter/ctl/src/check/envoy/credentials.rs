//! How the calls to Stripe and Clerk get their API keys: Envoy adds them, or the filter has them.

use crate::check::at;
use crate::check::document::callouts::Named;
use crate::check::finding::{Finding, FindingKind, Location};
use crate::document;
use serde_json::Value;

/// The filters of a cluster, in its options or in those that a patch merges into them.
const UPSTREAM_FILTERS: &str =
    "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters";

/// Returns whether Envoy adds a key to the requests of a cluster.
pub(in crate::check) fn has_injector(cluster: &Value) -> bool {
    at(cluster, UPSTREAM_FILTERS).to_string().contains("credential_injector")
}

/// Returns the error about filters of a cluster of which the last is not the one that sends the request.
pub(in crate::check) fn missing_codec(location: Location, cluster: &Value) -> Option<Finding> {
    let filters = at(cluster, UPSTREAM_FILTERS).as_array()?;
    let is_codec = filters.last()?.to_string().contains("upstream_codec");
    let text = "the last of the cluster's http_filters must be envoy.filters.http.upstream_codec; Envoy refuses the cluster";
    (!is_codec).then(|| Finding::new(FindingKind::MissingCodec, location, text))
}

/// Returns the error about an API whose calls get no key: neither Envoy adds it, nor does a filter get it.
pub(in crate::check) fn missing_credential(
    location: Location,
    named: &Named,
    passed: &[String],
) -> Option<Finding> {
    let variables = named.key_variables();
    let is_passed = variables.iter().any(|variable| passed.iter().any(|passed| passed == variable));
    (named.needs_key() && !is_passed).then(|| {
        let text = format!(
            "the calls have no API key: give the cluster a credential_injector, as the shipped file has it, or \
             pass {} to the filter",
            variables.join(" or ")
        );
        Finding::new(FindingKind::MissingCredential, location, text)
    })
}

/// Returns the variables that any filter in a value gets, and those that its documents list.
pub(in crate::check) fn passed_variables(value: &Value) -> Vec<String> {
    let mut passed = Vec::new();
    document::walk(value, "", &mut |_, found| {
        for name in ["host_env_keys", "hostKeys", "environment"] {
            let names = found.get(name).and_then(Value::as_array).into_iter().flatten();
            passed.extend(names.filter_map(Value::as_str).map(str::to_owned));
        }
        let set = found.get("key_values").and_then(Value::as_object).into_iter().flatten();
        passed.extend(set.map(|(name, _)| name.clone()));
        true
    });
    passed
}
