//! For each field of the document an example of what to write there: the cure when it is missing or malformed.

/// A cure in words for what is wrong at that path.
pub(super) fn cure(path: &str) -> String {
    match example(path) {
        Some(example) => format!("write it like `{example}`"),
        None => String::new(),
    }
}

/// How the field at that path, or the list that an item of it stands in, may look.
fn example(path: &str) -> Option<&'static str> {
    let mut segments = path.rsplit('.').map(|segment| segment.split('[').next().unwrap_or_default());
    let field = segments.next().unwrap_or_default();
    let owner = segments.next().unwrap_or_default();
    let special = SPECIAL.iter().find(|(o, f, _)| *o == owner && (*f == field || *f == "*"));
    match special {
        Some((_, _, example)) => Some(example),
        None => FIELDS.iter().find(|(known, _)| *known == field).map(|(_, example)| *example),
    }
}

/// Owner, field (`*` for any) and example, where the field's name alone does not say enough.
const SPECIAL: &[(&str, &str, &str)] = &[
    ("stripe_webhook", "path", "path: /webhooks/stripe"),
    ("jwks", "path", "path: /.well-known/jwks.json"),
    ("rules", "path", "path: /reports/daily"),
    ("require", "plan", "require: {plan: pro}"),
    ("plan_claims", "user", "user: [public_metadata.plan, metadata.plan]"),
    ("plan_claims", "organization", "organization: [org_public_metadata.plan]"),
    ("subject_keys", "user", "user: [clerk_user_id]"),
    ("subject_keys", "organization", "organization: [clerk_org_id]"),
    ("plans", "name", "name: pro"),
    ("rules", "name", "name: ask"),
    ("ratelimit", "cluster", "cluster: ratelimit"),
    ("stripe", "cluster", "cluster: stripe_api"),
    ("limits", "*", "asks: [{max: 100, per: month}] or asks: unlimited"),
];

/// Field and example.
const FIELDS: &[(&str, &str)] = &[
    ("cluster", "cluster: clerk_api"),
    ("prices", "prices: [price_123]"),
    ("lookup_keys", "lookup_keys: [pro_monthly]"),
    ("products", "products: [prod_123]"),
    ("features", "features: [priority_support]"),
    ("clerk_plan", "clerk_plan: [pro_user, pro_org]"),
    ("max", "max: 100"),
    ("per", "per: month"),
    ("tolerance_s", "tolerance_s: 300"),
    ("max_body_kb", "max_body_kb: 512"),
    ("env", "env: STRIPE_WEBHOOK_SECRET"),
    ("grace_days", "grace_days: 14"),
    ("authority", "authority: api.clerk.com"),
    ("base_path", "base_path: /v1"),
    ("timeout_ms", "timeout_ms: 1000"),
    ("plan_key", "plan_key: plan"),
    ("issuer", "issuer: https://clerk.example.com"),
    ("authorized_parties", "authorized_parties: [https://app.example.com]"),
    ("audience", "audience: [https://api.example.com]"),
    ("clock_skew_s", "clock_skew_s: 5"),
    ("local_memory_mb", "local_memory_mb: 97"),
    ("path_prefix", "path_prefix: /ask"),
    ("methods", "methods: [GET, POST]"),
    ("host", "host: api.example.com"),
    ("limit", "limit: asks"),
    ("cost", "cost: 1"),
    ("feature", "feature: priority_support"),
    ("anonymous", "anonymous: deny, or the name of a plan"),
    ("usage_path", "usage_path: /usage"),
    ("upgrade_url", "upgrade_url: https://app.example.com/pricing"),
    ("plan_required_status", "plan_required_status: 403"),
    ("domain", "domain: tollgate"),
    ("namespace", "namespace: shop"),
    ("plans", "plans: [{name: free}, {name: pro, prices: [price_123]}]"),
    ("limits", "limits: {asks: [{max: 100, per: month}]}"),
    ("not_plans", "not_plans: {prices: [price_storage]}"),
    (
        "stripe_webhook",
        "stripe_webhook: {path: /webhooks/stripe, signing_secrets: {env: STRIPE_WEBHOOK_SECRET}, \
             stripe: {cluster: stripe_api}, clerk: {cluster: clerk_api}}",
    ),
    ("signing_secrets", "signing_secrets: {env: STRIPE_WEBHOOK_SECRET}"),
    ("past_due", "past_due: {grace_days: 14}, or keep, or revoke"),
    ("subject_keys", "subject_keys: {user: [clerk_user_id], organization: [clerk_org_id]}"),
    ("stripe", "stripe: {cluster: stripe_api}"),
    ("clerk", "clerk: {cluster: clerk_api}"),
    (
        "plan_gate",
        "plan_gate: {issuer: https://clerk.example.com, keys: {pem: {env: CLERK_JWT_KEY}}, \
             authorized_parties: [https://app.example.com], rules: [{name: ask, path_prefix: /ask, limit: asks}]}",
    ),
    ("keys", "keys: {pem: {env: CLERK_JWT_KEY}}, or keys: {jwks: {cluster: clerk_frontend}}"),
    ("pem", "pem: {env: CLERK_JWT_KEY}"),
    ("jwks", "jwks: {cluster: clerk_frontend}"),
    ("plan_claims", "plan_claims: {user: [public_metadata.plan]}"),
    ("rules", "rules: [{name: ask, path_prefix: /ask, limit: asks}]"),
    ("require", "require: {plan: pro}, or require: {feature: priority_support}"),
    ("confirm", "confirm: {cluster: clerk_api}"),
    ("store", "store: local, or store: {ratelimit: {cluster: ratelimit}}"),
    ("ratelimit", "ratelimit: {cluster: ratelimit}"),
    ("mode", "mode: respond"),
    ("subject", "subject: user"),
    ("unmatched", "unmatched: require_token"),
    ("unmapped_price", "unmapped_price: keep"),
    ("identity_headers", "identity_headers: [user, plan]"),
    ("rate_limit_headers", "rate_limit_headers: both"),
    ("cors", "cors: authorized_parties"),
    ("on_error", "on_error: allow"),
    ("livemode", "livemode: true"),
    ("cookie", "true or false"),
    ("shadow", "true or false"),
    ("require_azp", "true or false"),
    ("client_reference_id", "true or false"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_in_another_place_has_another_example() {
        let cases = [
            ("stripe_webhook.path", "path: /webhooks/stripe"),
            ("plan_gate.rules[3].path", "path: /reports/daily"),
            ("plans[1].prices[0]", "prices: [price_123]"),
            ("plans[0].limits.asks", "asks: [{max: 100, per: month}] or asks: unlimited"),
            ("plan_gate.rules[0].require.plan", "require: {plan: pro}"),
            ("plans", "plans: [{name: free}, {name: pro, prices: [price_123]}]"),
        ];
        for (path, want) in cases {
            assert_eq!(example(path), Some(want), "{path}");
        }
        assert_eq!(cure("elsewhere"), "");
    }
}
