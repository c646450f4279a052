//! The configuration of these tests, and edits of it.

use super::host::Host;
use serde_json::{Value, json};

/// Returns a document with three plans, and with rules of every kind.
pub(super) fn document() -> Value {
    json!({
        "namespace": "shop",
        "plans": [
            {"name": "free", "limits": {
                "asks": [{"max": 5, "per": "day"}], "burst": [{"max": 2, "per": "minute"}, {"max": 3, "per": "day"}]}},
            {"name": "pro", "features": ["priority_support"], "clerk_plan": "pro_monthly", "limits": {
                "asks": [{"max": 100, "per": "month"}], "burst": [{"max": 9, "per": "day"}]}},
            {"name": "enterprise", "features": ["sso"], "limits": {"asks": "unlimited", "burst": "unlimited"}},
        ],
        "plan_gate": {
            "issuer": "https://clerk.example.com",
            "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
            "authorized_parties": ["https://app.example.com"],
            "rules": [
                {"name": "signed_in", "path_prefix": "/account"},
                {"name": "ask", "path_prefix": "/ask", "limit": "asks"},
                {"name": "bulk", "path_prefix": "/bulk", "limit": "asks", "cost": 6},
                {"name": "pair", "path_prefix": "/pair", "limit": "asks", "cost": 2},
                {"name": "burst", "path_prefix": "/burst", "limit": "burst"},
                {"name": "reports", "path_prefix": "/reports", "require": {"plan": "pro"}},
                {"name": "support", "path_prefix": "/support", "require": {"feature": "priority_support"}},
                {"name": "login", "path_prefix": "/login", "require": {"feature": "sso"}},
                {"name": "search", "path_prefix": "/search", "anonymous": "free", "limit": "asks"},
                {"name": "preview", "path_prefix": "/preview", "anonymous": "pro", "require": {"plan": "pro"}},
                {"name": "named", "require": {"plan": "pro"}},
            ],
            "upgrade_url": "https://app.example.com/pricing",
        },
    })
}

/// Returns the document after an edit of its `plan_gate`.
pub(super) fn configuration(edit: impl FnOnce(&mut Value)) -> Value {
    let mut document = document();
    edit(&mut document["plan_gate"]);
    document
}

/// Creates a worker thread of its own process.
pub(super) fn gate() -> Host {
    gate_with(|_| {})
}

/// Creates a worker thread with an edited `plan_gate`.
pub(super) fn gate_with(edit: impl FnOnce(&mut Value)) -> Host {
    Host::new(&configuration(edit), [1; 16])
}

/// Creates a worker thread with another document.
pub(super) fn gate_of(document: &Value) -> Host {
    Host::new(document, [1; 16])
}
