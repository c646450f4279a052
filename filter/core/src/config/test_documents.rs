//! Documents for the tests of the configuration: one with every field, one with only the required fields, and
//! edits.

use serde_json::{Value, json};

/// Returns a document with every field, as the documentation shows it.
pub(super) fn whole() -> Value {
    json!({
        "plans": [
            {"name": "free", "limits": {"asks": [{"max": 5, "per": "day"}]}},
            {
                "name": "pro",
                "prices": ["price_123"],
                "lookup_keys": ["pro_monthly"],
                "features": ["priority_support"],
                "limits": {"asks": [{"max": 100, "per": "month"}, {"max": 10, "per": "minute"}]},
            },
            {
                "name": "enterprise",
                "prices": ["price_ent"],
                "clerk_plan": "enterprise_org",
                "limits": {"asks": "unlimited"},
            },
        ],
        "not_plans": {"prices": ["price_storage"], "products": []},
        "environment": ["STRIPE_SECRET_KEY", "CLERK_SECRET_KEY"],
        "stripe_webhook": {
            "path": "/webhooks/stripe",
            "mode": "respond",
            "tolerance_s": 300,
            "max_body_kb": 512,
            "livemode": true,
            "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
            "past_due": {"grace_days": 14},
            "unmapped_price": "keep",
            "subject_keys": {"user": ["clerk_user_id"], "organization": ["clerk_org_id"]},
            "client_reference_id": true,
            "stripe": {"cluster": "stripe_api", "authority": "api.stripe.com", "timeout_ms": 2000},
            "clerk": {
                "cluster": "clerk_api", "authority": "api.clerk.com", "base_path": "/v1", "timeout_ms": 2000,
            },
            "plan_key": "plan",
        },
        "clerk_webhook": whole_clerk(),
        "billing": whole_billing(),
        "plan_gate": whole_gate(),
    })
}

fn whole_clerk() -> Value {
    json!({
        "path": "/webhooks/clerk",
        "mode": "respond",
        "tolerance_s": 300,
        "max_body_kb": 512,
        "signing_secrets": {"env": "CLERK_WEBHOOK_SIGNING_SECRET"},
        "instance": "ins_123",
        "billing": "mirror",
        "past_due": {"grace_days": 14},
        "on_deleted": "keep",
        "stripe": {"cluster": "stripe_api", "authority": "api.stripe.com", "timeout_ms": 2000},
        "clerk": {"cluster": "clerk_api", "authority": "api.clerk.com", "base_path": "/v1", "timeout_ms": 2000},
    })
}

fn whole_billing() -> Value {
    json!({
        "path": "/billing",
        "acts_for": "user",
        "organization_roles": ["admin"],
        "organization_permission": "org:billing:manage",
        "return_origins": ["https://app.example.com"],
        "success_url": "https://app.example.com/billing?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://app.example.com/pricing",
        "return_url": "https://app.example.com/billing",
        "checkout": {
            "promotion_codes": true,
            "billing_address": "auto",
            "automatic_tax": false,
            "tax_ids": false,
            "trial": {"days": 14, "plans": ["pro"], "payment_method": "if_required"},
        },
        "portal": {"configuration": "bpc_123"},
        "purchases": [{"name": "credits_100", "price": "price_credits"}],
        "stripe": {"cluster": "stripe_api", "authority": "api.stripe.com", "timeout_ms": 2000},
        "clerk": {"cluster": "clerk_api", "authority": "api.clerk.com", "base_path": "/v1", "timeout_ms": 2000},
    })
}

fn whole_gate() -> Value {
    json!({
        "issuer": "https://clerk.example.com",
        "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
        "authorized_parties": ["https://app.example.com"],
        "require_azp": true,
        "audience": [],
        "clock_skew_s": 5,
        "cookie": true,
        "subject": "user",
        "plan_claims": {
            "user": [
                "public_metadata.plan", "metadata.plan", "publicMetadata.plan", "user.public_metadata.plan", "plan",
            ],
            "organization": ["org_public_metadata.plan", "organization.public_metadata.plan"],
        },
        "rules": [
            {"name": "ask", "path_prefix": "/ask", "limit": "asks", "cost": 1},
            {"name": "reports", "path_prefix": "/reports", "require": {"plan": "pro"}},
            {"name": "search", "path_prefix": "/search", "anonymous": "free", "limit": "asks"},
        ],
        "unmatched": "pass",
        "usage_path": "/usage",
        "upgrade_url": "https://app.example.com/pricing",
        "plan_required_status": 403,
        "identity_headers": ["user", "organization", "session", "plan"],
        "rate_limit_headers": "both",
        "cors": "authorized_parties",
        "shadow": false,
        "confirm": {
            "cluster": "clerk_api", "authority": "api.clerk.com", "base_path": "/v1", "timeout_ms": 1000,
        },
        "store": "local",
    })
}

/// Returns a document with only the required fields.
pub(super) fn smallest() -> Value {
    json!({
        "plans": [{"name": "free"}],
        "stripe_webhook": {
            "path": "/webhooks/stripe",
            "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
            "stripe": {"cluster": "stripe_api"},
            "clerk": {"cluster": "clerk_api"},
        },
        "plan_gate": {
            "issuer": "https://clerk.example.com",
            "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
            "authorized_parties": ["https://app.example.com"],
        },
    })
}

/// Looks up a variable of an environment in which both filters start.
pub(super) fn environment(variable: &str) -> Option<String> {
    let value = match variable {
        "STRIPE_WEBHOOK_SECRET" => "whsec_1,whsec_2",
        "STRIPE_SECRET_KEY" => "sk_test_1",
        "CLERK_SECRET_KEY" => "sk_test_2",
        "CLERK_WEBHOOK_SIGNING_SECRET" => "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "CLERK_JWT_KEY" => "QUJD",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Returns the JSON text of a document.
pub(super) fn text(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}

/// Returns the document with the value at that JSON pointer replaced or, in an object, added.
pub(super) fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}"));
    match parent {
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        Value::Array(list) if key == "-" => list.push(value),
        parent => parent[key.parse::<usize>().unwrap()] = value,
    }
    document
}

/// Returns the document without the field at that JSON pointer.
pub(super) fn without(mut document: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    document
}
