//! What is found in the Secrets of Kubernetes.

use super::{shipped_file, verdict};
use crate::check::finding::FindingKind;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tollgate_fixtures::own_key;

/// Returns the kind and the text of what is found in a Secret with that value, beside a shipped file.
fn found(name: &str, value: &str, is_encoded: bool) -> Option<(FindingKind, String)> {
    let member = if is_encoded { "data" } else { "stringData" };
    let secret = serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tollgate"}, member: {name: value},
    });
    let gateway = shipped_file("envoy-gateway/tollgate.yaml", "plans:", "plans:");
    let found = verdict(&format!("{gateway}\n---\n{secret}\n")).all();
    assert!(found.len() <= 1, "{name}: {found:?}");
    let finding = found.into_iter().next()?;
    assert_eq!(finding.location.shown, format!("Secret tollgate: {member}.{name}"));
    assert!(!finding.text.contains("Own"), "{}", finding.text);
    Some((finding.kind, finding.text))
}

#[test]
fn values_with_which_a_filter_starts_are_right() {
    for (name, value) in [
        ("STRIPE_API_KEY", "rk_live_Own\n"),
        ("CLERK_SECRET_KEY", "sk_live_Own"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_Own1,whsec_Own2"),
        ("CLERK_JWT_KEY", &own_key().public_pem()),
        ("tls.crt", "anything"),
    ] {
        assert_eq!(found(name, value, false), None, "{name}");
        assert_eq!(found(name, &STANDARD.encode(value), true), None, "{name}");
    }
}

#[test]
fn values_that_are_refused_are_errors_that_do_not_show_them() {
    const KEY_FILE: &str = "resources:\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  name: stripe_api_key\n  generic_secret: {secret: {inline_string: whsec_Own}}\n";
    let pem = own_key().public_pem();
    let cut = pem.get(..100).unwrap();
    for (name, value, kind, cure) in [
        ("STRIPE_API_KEY", "whsec_Own", FindingKind::InvalidEnvironment, "API key"),
        ("CLERK_SECRET_KEY", "pk_live_Own", FindingKind::InvalidEnvironment, "publishable"),
        ("STRIPE_WEBHOOK_SECRET", "sk_live_Own", FindingKind::InvalidEnvironment, "starts with whsec_"),
        ("CLERK_JWT_KEY", cut, FindingKind::InvalidEnvironment, "copy all of it"),
        ("stripe_api_key.yaml", KEY_FILE, FindingKind::InvalidKeyFile, "signing secret"),
    ] {
        for (value, is_encoded) in [(value.to_owned(), false), (STANDARD.encode(value), true)] {
            let (got, text) = found(name, &value, is_encoded).unwrap_or_else(|| panic!("{name}: nothing"));
            assert!(got == kind && text.contains(cure), "{name}: {got:?}: {text}");
        }
    }
    let (kind, text) = found("STRIPE_API_KEY", "rk_live_Own", true).unwrap();
    assert!(kind == FindingKind::InvalidEnvironment && text.contains("not base64"), "{text}");
}
