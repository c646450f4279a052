//! `plan_gate.wasm` built with the feature `rs256`, in a host that has no `verify_signature`: it checks
//! signatures itself.

mod host;

use host::{BareHost, Decision};
use serde_json::json;
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::fakes::clerk::tokens::Token;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::install::modules::Modules;

const ISSUER: &str = "https://clerk.example.com";

fn gate(module: &std::path::Path) -> BareHost {
    let document = json!({
        "namespace": "bare", "plans": [{"name": "free"}, {"name": "pro"}],
        "plan_gate": {
            "issuer": ISSUER, "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
            "authorized_parties": ["https://app.example.com"],
            "rules": [{"name": "reports", "path_prefix": "/reports", "require": {"plan": "pro"}}],
        },
    });
    BareHost::start(module, &document.to_string(), &[("CLERK_JWT_KEY", &KeyPair::first().pem())])
}

fn token() -> Token {
    Token::session("user_1", unix_now()).issuer(ISSUER).plan("pro")
}

fn refused(code: &str) -> Decision {
    let status = if code == "keys_unavailable" { 503 } else { 401 };
    Decision::Refused { status, code: code.to_owned() }
}

#[test]
fn with_rs256_the_module_verifies_signatures_itself() {
    let mut gate = gate(&Modules::gate_with_rs256());
    let valid = token().sign();
    let (claims, signature) = valid.rsplit_once('.').expect("three parts");
    let other_key = token().sign_with(KeyPair::second());
    let others = token().plan("free").sign();
    let (other_claims, _) = others.rsplit_once('.').expect("three parts");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let admitted = Decision::Admitted { plan: "pro".to_owned() };
    for (why, token, want) in [
        ("a valid token", valid.clone(), admitted.clone()),
        ("the same token, from the cache", valid.clone(), admitted),
        (
            "one character changed",
            format!("{claims}.{first}{}", &signature[1..]),
            refused("signature_mismatch"),
        ),
        ("another token's claims", format!("{other_claims}.{signature}"), refused("signature_mismatch")),
        ("another key", other_key, refused("signature_mismatch")),
        ("no signature", format!("{claims}."), refused("signature_mismatch")),
    ] {
        assert_eq!(gate.request("/reports", &token), want, "{why}");
    }
    assert!(
        gate.foreign_functions_called().contains("verify_signature"),
        "verify_signature was not called first"
    );
}

#[test]
fn without_rs256_every_request_is_refused() {
    let mut gate = gate(&Modules::build().plan_gate);
    assert_eq!(gate.request("/reports", &token().sign()), refused("keys_unavailable"));
}
