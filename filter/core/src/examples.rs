//! Compares the examples in `docs/alarms.md` with the alarms and refusals that the rules write.
//!
//! The folders make theirs from fixed values. Those of a host are in the tests of the driver.

use crate::config::{self, ClerkWebhookSettings, Configuration, PlanGateSettings, StripeWebhookSettings};
use crate::http::Reply;
use crate::ids::{EventId, Subject};
use crate::report::Report;
use crate::stripe::outcome::StripeApiError;
use crate::sync::{Service, SyncError};
use crate::time::Micros;
use crate::{billing, cancellation, gate, sync, webhook};
use std::collections::BTreeSet;

/// The page.
const PAGE: &str = include_str!("../../../docs/alarms.md");

/// The codes of alarms and refusals that the driver writes.
const OF_THE_DRIVER: [&str; 5] =
    ["internal_error", "reply_refused", "resume_refused", "response_field_refused", "metric_refused"];

/// The document of the examples.
const DOCUMENT: &str = r#"{
    "plans": [{"name": "free"}, {"name": "pro", "prices": ["price_123"]}],
    "stripe_webhook": {
        "path": "/webhooks/stripe",
        "livemode": true,
        "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
        "stripe": {"cluster": "stripe_api"},
        "clerk": {"cluster": "clerk_api"}
    },
    "clerk_webhook": {
        "path": "/webhooks/clerk",
        "instance": "ins_123",
        "signing_secrets": {"env": "CLERK_WEBHOOK_SIGNING_SECRET"},
        "billing": "mirror",
        "stripe": {"cluster": "stripe_api"},
        "clerk": {"cluster": "clerk_api"}
    },
    "plan_gate": {
        "issuer": "https://clerk.example.com",
        "keys": {"jwks": {"cluster": "clerk_frontend"}},
        "authorized_parties": ["https://app.example.com"],
        "rules": [{"name": "reports", "path_prefix": "/reports"}]
    }
}"#;

/// The time of the examples.
pub(crate) const NOW: Micros = Micros::from_secs(1_795_219_200);

/// Returns the configuration of the filter for Stripe's webhooks.
pub(crate) fn stripe_webhook() -> Configuration<StripeWebhookSettings> {
    config::read(DOCUMENT.as_bytes(), &secret).unwrap()
}

/// Returns the configuration of the filter for Clerk's webhooks.
pub(crate) fn clerk_webhook() -> Configuration<ClerkWebhookSettings> {
    config::read(DOCUMENT.as_bytes(), &secret).unwrap()
}

/// Returns the configuration of the gate.
pub(crate) fn plan_gate() -> Configuration<PlanGateSettings> {
    config::read(DOCUMENT.as_bytes(), &secret).unwrap()
}

fn secret(variable: &str) -> Option<String> {
    let secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    variable.contains("WEBHOOK").then(|| secret.to_owned())
}

/// Returns the event that the examples are about.
pub(crate) fn event() -> EventId {
    EventId::parse("evt_1").unwrap()
}

/// Returns the user that the examples are about.
pub(crate) fn user() -> Subject {
    Subject::parse("user_1").unwrap()
}

/// Returns Stripe's refusal of a request.
pub(crate) fn refused() -> SyncError {
    let error = StripeApiError {
        status: 400,
        kind: "invalid_request_error".to_owned(),
        request_id: "req_1".to_owned(),
        ..StripeApiError::default()
    };
    SyncError::Refused { service: Service::Stripe, why: error.to_string() }
}

#[test]
fn the_alarms_on_the_page_are_those_of_the_rules() {
    let reports = [
        webhook::examples::alarms(),
        sync::examples::alarms(),
        cancellation::examples::alarms(),
        gate::examples::alarms(),
        billing::examples::alarms(),
    ];
    let written = reports.into_iter().flatten().filter_map(|report| match report {
        Report::Line(_, line) => Some(line),
        Report::Count(_) | Report::Record(..) => None,
    });
    compare(&shown(r#"{"alarm":"#, "alarm"), &written.collect());
}

#[test]
fn the_refusals_on_the_page_are_those_of_the_rules() {
    let problems = [webhook::examples::problems(), gate::examples::problems(), billing::examples::problems()];
    let bodies = problems.into_iter().flatten().map(|problem| Reply::from(problem).body);
    compare(&shown(r#"{"title":"#, "code"), &bodies.map(|body| String::from_utf8(body).unwrap()).collect());
}

/// Returns the examples on the page that begin with `first` and have their code in `member`, without those of
/// the driver.
fn shown(first: &str, member: &str) -> BTreeSet<String> {
    let code = |line: &str| {
        let example: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(example.get(member)?.as_str()?.to_owned())
    };
    let is_ours = |line: &&str| code(line).is_some_and(|code| !OF_THE_DRIVER.contains(&code.as_str()));
    PAGE.lines().filter(|line| line.starts_with(first)).filter(is_ours).map(str::to_owned).collect()
}

fn compare(shown: &BTreeSet<String>, written: &BTreeSet<String>) {
    let lines = |lines: &BTreeSet<String>, other| {
        lines.difference(other).map(String::as_str).collect::<Vec<_>>().join("\n")
    };
    let (lacking, wrong) = (lines(written, shown), lines(shown, written));
    assert!(shown == written, "docs/alarms.md lacks:\n{lacking}\n\nand has instead:\n{wrong}\n");
}
