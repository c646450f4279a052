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

/// Returns the credential that Envoy adds to the requests of a cluster, if it is a key from a secret.
fn credential(cluster: &Value) -> Option<&Value> {
    let mut found = None;
    document::walk(at(cluster, UPSTREAM_FILTERS), "", &mut |_, value| {
        let is_generic = value["@type"].as_str().is_some_and(|name| name.ends_with(".generic.v3.Generic"));
        if is_generic {
            found = Some(value);
        }
        found.is_none()
    });
    found
}

/// Returns the error about a key that is sent otherwise than Stripe and Clerk read it.
pub(in crate::check) fn wrong_prefix(location: Location, cluster: &Value) -> Option<Finding> {
    let credential = credential(cluster)?;
    let is_wrong = credential["header_value_prefix"] != "Bearer " && credential.get("header").is_none();
    let text = "write `header_value_prefix: \"Bearer \"` beside the key's secret, with the blank: Stripe and Clerk refuse a key \
                without it";
    is_wrong.then(|| Finding::new(FindingKind::WrongCredential, location, text))
}

/// Returns the error about a cluster for Clerk and one for Stripe that add the same key. `cluster` returns one
/// of that name, with its location.
pub(in crate::check) fn shared_key<'a>(
    named: &[Named],
    cluster: &dyn Fn(&str) -> Option<(Location, &'a Value)>,
) -> Option<Finding> {
    let (for_stripe, others): (Vec<&Named>, Vec<&Named>) =
        named.iter().filter(|named| named.needs_key()).partition(|named| named.is_for_stripe());
    let secret = |named: &Named| {
        let (location, cluster) = cluster(&named.cluster)?;
        let secret = credential(cluster)?.get("credential")?;
        let file = at(secret, "/sds_config/path_config_source/path");
        // Envoy reads one secret from a file, so its name does not tell two apart.
        Some((location, if file.is_string() { file } else { &secret["name"] }))
    };
    let stripes: Vec<&Value> = for_stripe.into_iter().filter_map(secret).map(|(_, source)| source).collect();
    let (location, _) = others.into_iter().filter_map(secret).find(|(_, source)| stripes.contains(source))?;
    let text =
        "this adds the same key as the cluster for Stripe: each of the two APIs refuses the key of the other";
    Some(Finding::new(FindingKind::WrongCredential, location, text))
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
