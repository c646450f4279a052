//! Warnings about a valid document that is probably not what was intended. The document was checked before; a
//! value of the wrong type counts as absent.

pub(super) mod callouts;
pub(super) mod environment;
pub(super) mod example;

use super::finding::{Base, Finding, FindingKind};
use serde_json::Value;

/// Windows that are longer than most processes run.
const LONG: [&str; 3] = ["day", "week", "month"];

/// Returns all warnings about a document.
pub(super) fn warnings(base: Base<'_>, document: &Value) -> Vec<Finding> {
    let mut warnings = Warnings { base, found: Vec::new() };
    plans(document, &mut warnings);
    limits(document, &mut warnings);
    if let Some(gate) = document.get("plan_gate") {
        tokens(gate, &mut warnings);
        rules(gate, &mut warnings);
        store(document, gate, &mut warnings);
    }
    keys(document, &mut warnings);
    warnings.found
}

/// The warnings found so far.
struct Warnings<'a> {
    base: Base<'a>,
    found: Vec<Finding>,
}

impl Warnings<'_> {
    fn add(&mut self, kind: FindingKind, path: impl AsRef<str>, text: impl Into<String>) {
        self.found.push(Finding::new(kind, self.base.at(path.as_ref()), text));
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    path.iter().try_fold(value, |value, name| value.get(name)).and_then(Value::as_str).unwrap_or_default()
}

fn is(value: &Value, path: &[&str]) -> bool {
    path.iter().try_fold(value, |value, name| value.get(name)).and_then(Value::as_bool) == Some(true)
}

/// Warns about a plan that cannot be bought.
fn plans(document: &Value, warnings: &mut Warnings<'_>) {
    let billing = document.to_string().contains("\"clerk_billing\"");
    for (number, plan) in list(document, "plans").iter().enumerate().skip(1) {
        let sold = ["prices", "products", "lookup_keys"].iter().any(|name| !list(plan, name).is_empty());
        if !sold && !billing && plan.get("clerk_plan").is_none() && document.get("stripe_webhook").is_some() {
            warnings.add(FindingKind::UnsoldPlan,
                format!("plans[{number}]"),
                format!(
                    "no price, product or lookup key sells {:?}: it can be reached by PLAN_MAP, by `plan` in Stripe's \
                     metadata, or by hand in Clerk only",
                    text(plan, &["name"])
                ),
            );
        }
    }
}

/// Warns about a limit that no rule uses.
fn limits(document: &Value, warnings: &mut Warnings<'_>) {
    let Some(gate) = document.get("plan_gate") else { return };
    let spent: Vec<&str> = list(gate, "rules").iter().map(|rule| text(rule, &["limit"])).collect();
    let mut reported: Vec<&str> = Vec::new();
    for (number, plan) in list(document, "plans").iter().enumerate() {
        for name in plan.get("limits").and_then(Value::as_object).into_iter().flat_map(|limits| limits.keys())
        {
            if !spent.contains(&name.as_str()) && !reported.contains(&name.as_str()) {
                reported.push(name);
                let location = format!("plans[{number}].limits.{name}");
                warnings.add(
                    FindingKind::UnusedLimit,
                    location,
                    "no rule uses it: add `limit` to a rule, or remove it",
                );
            }
        }
    }
}

fn tokens(gate: &Value, warnings: &mut Warnings<'_>) {
    if list(gate, "authorized_parties").is_empty() {
        warnings.add(FindingKind::AnyParty,
            "plan_gate.authorized_parties",
            "it is empty, so a token of another application of the same Clerk instance is accepted; list the origins \
            of your application",
        );
    }
    let key_set = |member| text(gate, &["keys", "jwks", member]);
    if key_set("authority") == "api.clerk.com" && key_set("path") != "/v1/jwks" {
        warnings.add(
            FindingKind::WrongKeySet,
            "plan_gate.keys.jwks.path",
            "write /v1/jwks: that is where Clerk's Backend API has the key set, and only with the secret key; or leave out \
             `authority`, to fetch it from the issuer",
        );
    }
    let issuer = text(gate, &["issuer"]);
    if issuer.starts_with("http://") {
        warnings.add(
            FindingKind::TestIssuer,
            "plan_gate.issuer",
            "Clerk's issuers start with https://; this one is for tests",
        );
    }
}

fn rules(gate: &Value, warnings: &mut Warnings<'_>) {
    let covers_all = |rule: &Value| {
        text(rule, &["path_prefix"]) == "/" && rule.get("methods").is_none() && rule.get("host").is_none()
    };
    let rules = list(gate, "rules");
    // The default is `pass`; who writes it intends it.
    if gate.get("unmatched").is_none() && !rules.iter().any(covers_all) {
        warnings.add(FindingKind::UnmatchedPass,
            "plan_gate.unmatched",
            "requests that no rule matches reach the service without a token, including paths that you forgot; write \
            `require_token` or `deny` (or `pass`, if you intend it), or end the rules with `path_prefix: /`",
        );
    }
    for (number, rule) in rules.iter().enumerate() {
        let hidden_by = rules.iter().take(number).position(covers_all);
        if let Some(before) = hidden_by {
            let text = format!("never reached: plan_gate.rules[{before}] matches every request");
            warnings.add(FindingKind::UnreachableRule, format!("plan_gate.rules[{number}]"), text);
        }
        if rule.get("anonymous").is_some() && rule.get("limit").is_none() && rule.get("require").is_none() {
            warnings.add(
                FindingKind::UnguardedRule,
                format!("plan_gate.rules[{number}].anonymous"),
                "the rule requires nothing and limits nothing, so every request passes",
            );
        }
    }
    if is(gate, &["shadow"]) {
        warnings.add(
            FindingKind::Shadow,
            "plan_gate.shadow",
            "no request is refused: decisions are only counted and logged",
        );
    }
}

/// Warns about windows that a restart of Envoy resets.
fn store(document: &Value, gate: &Value, warnings: &mut Warnings<'_>) {
    // The default is `local`; who writes it intends it.
    if gate.get("store").is_some() {
        return;
    }
    for (number, plan) in list(document, "plans").iter().enumerate() {
        for (name, windows) in plan.get("limits").and_then(Value::as_object).into_iter().flatten() {
            let windows = windows.as_array().map_or(&[][..], Vec::as_slice);
            let long = windows.iter().map(|window| text(window, &["per"])).find(|per| LONG.contains(per));
            if let Some(per) = long {
                warnings.add(FindingKind::MemoryCounter,
                    format!("plans[{number}].limits.{name}"),
                    format!(
                        "a {per} is counted in Envoy's memory: each Envoy counts separately, and a restart starts from 0; \
                        `store: {{ratelimit: …}}` counts for all of them and survives restarts; with one Envoy, write `store: local`"
                    ),
                );
                return;
            }
        }
    }
}

/// Warns about keys of test mode beside live ones.
fn keys(document: &Value, warnings: &mut Warnings<'_>) {
    if !is(document, &["stripe_webhook", "livemode"]) {
        return;
    }
    let development = text(document, &["plan_gate", "issuer"]).ends_with(".clerk.accounts.dev");
    if development {
        warnings.add(
            FindingKind::MixedModes,
            "plan_gate.issuer",
            "this is a development instance of Clerk, but stripe_webhook.livemode is true",
        );
    }
    for variable in ["STRIPE_API_KEY", "CLERK_SECRET_KEY"] {
        let test = std::env::var(variable)
            .is_ok_and(|key| key.starts_with("sk_test_") || key.starts_with("rk_test_"));
        if test {
            let text = format!("{variable} in this environment is a key of test mode");
            warnings.add(FindingKind::MixedModes, "stripe_webhook.livemode", text);
        }
    }
}
