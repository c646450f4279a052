//! What the filters read from the environment: a variable that is missing or wrong, a key that cannot be used,
//! and values of the examples.

use crate::check::document::example;
use crate::check::finding::{Base, Finding, FindingKind};
use crate::document::{self, member};
use serde_json::Value;
use tollgate_core::config::{self, PlanGateSettings};
use tollgate_core::gate::{GateError, GateWorker};

/// The variables that the filters read without being named in the document.
const UNNAMED: [&str; 4] = ["STRIPE_API_KEY", "STRIPE_SECRET_KEY", "CLERK_SECRET_KEY", "PLAN_MAP"];

/// The environment: the value of a variable, if it is set.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Returns a variable of this process.
pub(in crate::check) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Returns the errors with which the filters of a document would not start in this environment.
pub(in crate::check) fn errors(
    base: Base<'_>,
    document: &[u8],
    environment: Environment<'_>,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for error in config::read_each(document, environment).into_iter().filter_map(Result::err) {
        let location = base.at(&error.path);
        let text = config::ConfigError { path: String::new(), ..error }.to_string();
        let finding = Finding::new(FindingKind::InvalidEnvironment, location, text);
        // Several filters read the same variable.
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings.extend(unusable_key(base, document, environment));
    findings
}

/// Returns the error about a public key that can be read and not be used: the gate verifies no token with it,
/// and does not start.
fn unusable_key(base: Base<'_>, document: &[u8], environment: Environment<'_>) -> Option<Finding> {
    // The errors of the configuration were found before.
    let configuration = config::read::<PlanGateSettings>(document, environment).ok()?;
    let GateError::Key(error) = GateWorker::new(configuration, [0; 16]).err()?;
    let location = base.at("plan_gate.keys.pem.env");
    Some(Finding::new(FindingKind::InvalidEnvironment, location, error.to_string()))
}

/// Returns a warning about each variable with a value of the examples.
pub(in crate::check) fn placeholders(
    base: Base<'_>,
    document: &Value,
    environment: Environment<'_>,
) -> Vec<Finding> {
    let mut named: Vec<(String, &str)> = Vec::new();
    document::walk(document, "", &mut |location, value| {
        if let Some(name) = value.get("env").and_then(Value::as_str) {
            named.push((member(location, "env"), name));
        }
        true
    });
    named.extend(UNNAMED.map(|name| (String::new(), name)));
    let mut findings: Vec<Finding> = Vec::new();
    for (location, name) in named {
        let value = environment(name).unwrap_or_default();
        if let Some(placeholder) = example::placeholder_in(&value) {
            let text =
                format!("the variable {name} has {placeholder} of the examples in it; set your own value");
            findings.push(Finding::new(FindingKind::Placeholder, base.at(&location), text));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tollgate_fixtures::own_key;

    const BASE: Base<'_> = Base { file: 0, location: "" };

    fn document() -> Value {
        json!({
            "plans": [{"name": "free"}],
            "stripe_webhook": {
                "path": "/webhooks/stripe", "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
                "stripe": {"cluster": "stripe_api"}, "clerk": {"cluster": "clerk_api"},
            },
            "plan_gate": {
                "issuer": "https://clerk.acme.dev", "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
                "authorized_parties": ["https://app.acme.dev"],
            },
        })
    }

    /// Returns an environment with this value of one variable, and right values of the others.
    fn with(changed: &str, value: &str) -> impl Fn(&str) -> Option<String> {
        let (changed, value) = (changed.to_owned(), value.to_owned());
        move |name| match name {
            name if name == changed => Some(value.clone()),
            "STRIPE_WEBHOOK_SECRET" => Some("whsec_1".to_owned()),
            "CLERK_JWT_KEY" => Some(own_key().public_pem()),
            _ => None,
        }
    }

    #[test]
    fn a_key_that_the_gate_would_refuse_is_an_error_with_the_cure() {
        let pem = own_key().public_pem();
        let cut: String = pem.lines().take(4).collect::<Vec<_>>().join("\n");
        let cases = [
            ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "openssl x509"),
            (cut.as_str(), "copy all of it"),
            (r#"{"keys":[]}"#, "this is JSON"),
            ("clerk-public-key.pem", "cat"),
            ("/etc/tollgate/clerk.pem", "cat"),
        ];
        let errors =
            |value: &str| errors(BASE, document().to_string().as_bytes(), &with("CLERK_JWT_KEY", value));
        assert_eq!(errors(&pem), []);
        for (value, cure) in cases {
            let found = errors(value);
            let [error] = found.as_slice() else { panic!("{value}: {found:?}") };
            assert_eq!(error.kind, FindingKind::InvalidEnvironment, "{value}");
            assert_eq!(error.location.shown, "plan_gate.keys.pem.env", "{value}");
            assert!(error.text.contains(cure), "{value}: {}", error.text);
        }
    }

    #[test]
    fn a_value_of_the_examples_is_a_warning_that_shows_no_secret() {
        let found = |name: &str, value: &str| placeholders(BASE, &document(), &with(name, value));
        assert_eq!(found("CLERK_JWT_KEY", &own_key().public_pem()), []);
        for (name, value, location) in [
            ("STRIPE_WEBHOOK_SECRET", "whsec_Own,whsec_REPLACE_ME", "stripe_webhook.signing_secrets.env"),
            ("STRIPE_API_KEY", "sk_test_REPLACE_ME", ""),
            ("STRIPE_SECRET_KEY", "rk_live_…", ""),
            ("PLAN_MAP", "price_123=pro", ""),
        ] {
            let found = found(name, value);
            let [warning] = found.as_slice() else { panic!("{name}: {found:?}") };
            assert_eq!((warning.kind, warning.location.shown.as_str()), (FindingKind::Placeholder, location));
            assert!(warning.text.contains(name) && !warning.text.contains("Own"), "{}", warning.text);
        }
    }
}
