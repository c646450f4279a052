//! An example of each field of the document, which errors show when the field is missing or malformed.

/// An example of a field: the enclosing field (`*` for any), the field (`*` for any), and the example.
pub(super) type Example = (&'static str, &'static str, &'static str);

/// Returns the cure for an error at `path`. `section` has the examples of the section that the path is in.
pub(super) fn cure(path: &str, section: &[Example]) -> String {
    match example(path, section) {
        Some(example) => format!("write it like `{example}`"),
        None => String::new(),
    }
}

/// Returns an example of the field at `path`, or of the list if `path` leads to an item. The section's
/// examples come before the common ones, and examples with an enclosing field before those for any.
fn example(path: &str, section: &[Example]) -> Option<&'static str> {
    let mut segments = path.rsplit('.').map(|segment| segment.split('[').next().unwrap_or_default());
    let field = segments.next().unwrap_or_default();
    let owner = segments.next().unwrap_or_default();
    let all = || section.iter().chain(COMMON);
    let of_owner = all().find(|(o, f, _)| *o == owner && (*f == field || *f == "*"));
    let of_any = || all().find(|(o, f, _)| *o == "*" && *f == field);
    of_owner.or_else(of_any).map(|(_, _, example)| *example)
}

/// Examples of fields that several sections have, or that are outside of sections.
const COMMON: &[Example] = &[
    ("plans", "name", "name: pro"),
    ("stripe", "cluster", "cluster: stripe_api"),
    ("limits", "*", "asks: [{max: 100, per: month}] or asks: unlimited"),
    ("*", "cluster", "cluster: clerk_api"),
    ("*", "prices", "prices: [price_123]"),
    ("*", "lookup_keys", "lookup_keys: [pro_monthly]"),
    ("*", "products", "products: [prod_123]"),
    ("*", "features", "features: [priority_support]"),
    ("*", "clerk_plan", "clerk_plan: [pro_user, pro_org]"),
    ("*", "max", "max: 100"),
    ("*", "per", "per: month"),
    ("*", "env", "env: STRIPE_WEBHOOK_SECRET"),
    ("*", "authority", "authority: api.clerk.com"),
    ("*", "base_path", "base_path: /v1"),
    ("*", "timeout_ms", "timeout_ms: 1000"),
    ("*", "namespace", "namespace: shop"),
    ("*", "plans", "plans: [{name: free}, {name: pro, prices: [price_123]}]"),
    ("*", "limits", "limits: {asks: [{max: 100, per: month}]}"),
    ("*", "not_plans", "not_plans: {prices: [price_storage]}"),
    ("*", "environment", "environment: [STRIPE_API_KEY, CLERK_SECRET_KEY]"),
    ("*", "stripe", "stripe: {cluster: stripe_api}"),
    ("*", "clerk", "clerk: {cluster: clerk_api}"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::section::Section;
    use crate::config::{PlanGateSettings, StripeWebhookSettings};

    #[test]
    fn the_same_name_in_another_section_has_another_example() {
        let cases = [
            ("stripe_webhook.path", "path: /webhooks/stripe"),
            ("plan_gate.rules[3].path", "path: /reports/daily"),
            ("plans[1].prices[0]", "prices: [price_123]"),
            ("plans[0].limits.asks", "asks: [{max: 100, per: month}] or asks: unlimited"),
            ("plan_gate.rules[0].require.plan", "require: {plan: pro}"),
            ("plans", "plans: [{name: free}, {name: pro, prices: [price_123]}]"),
        ];
        for (path, want) in cases {
            let section = if path.starts_with("plan_gate") {
                PlanGateSettings::EXAMPLES
            } else {
                StripeWebhookSettings::EXAMPLES
            };
            assert_eq!(example(path, section), Some(want), "{path}");
        }
        assert_eq!(cure("elsewhere", &[]), "");
    }
}
