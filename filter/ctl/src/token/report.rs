//! The report about a token: lines for people, JSON for programs.

use super::gate::TokenVerdict;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tollgate_core::auth::token::TokenRules;
use tollgate_core::time::Micros;

/// What is known about a token, and the gate's decision about a request with it. Header and claims are not
/// verified.
pub(super) struct TokenReport {
    pub(super) now: Micros,
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) expected: Vec<Expectation>,
    /// What the gate knows about the caller; none if it does not accept the token.
    pub(super) caller: Option<CallerSummary>,
    /// The method, the host, and the path.
    pub(super) request: (String, String, String),
    pub(super) verdict: TokenVerdict,
}

/// The plan of a caller, and what it includes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CallerSummary {
    pub(super) subject: String,
    pub(super) plan: String,
    /// Where the plan is from.
    pub(super) source: String,
    /// What to do if no claim names the plan.
    pub(super) cure: Option<String>,
    pub(super) features: Vec<String>,
    pub(super) limits: Value,
}

/// A claim for which the document has a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expectation {
    /// The word for it in the report.
    word: &'static str,
    /// The name of the claim.
    claim: &'static str,
    /// What the token has: null if it has no such claim.
    has: Value,
    /// What the document expects: one of these.
    expects: Vec<String>,
    /// Whether the token may do without it.
    is_optional: bool,
}

/// Returns what a document expects of the claims beside what they are.
pub(super) fn expectations(rules: &TokenRules, claims: &Value) -> Vec<Expectation> {
    let has = |claim: &str| claims.get(claim).cloned().unwrap_or_default();
    let expectation = |word, claim, expects: &[String], is_optional| Expectation {
        word,
        claim,
        has: has(claim),
        expects: expects.to_vec(),
        is_optional,
    };
    let mut expected = vec![expectation("issuer", "iss", std::slice::from_ref(&rules.issuer), false)];
    if !rules.authorized_parties.is_empty() {
        expected.push(expectation("party", "azp", &rules.authorized_parties, !rules.require_azp));
    }
    if !rules.audience.is_empty() {
        expected.push(expectation("audience", "aud", &rules.audience, false));
    }
    expected
}

impl Expectation {
    /// Returns whether the token has what the document expects.
    fn is_met(&self) -> bool {
        let is_expected = |value: &Value| self.expects.iter().any(|expected| value == &**expected);
        match &self.has {
            Value::Null => self.is_optional,
            Value::Array(values) => values.iter().any(is_expected),
            value => is_expected(value),
        }
    }

    fn line(&self) -> String {
        let has = match &self.has {
            Value::Null => "none".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match self.is_met() {
            true => format!("{:9}{has} (as the document expects)", self.word),
            false => format!("{:9}{has} (the document expects {})", self.word, self.expects.join(" or ")),
        }
    }

    fn to_json(&self) -> Value {
        json!({"claim": self.claim, "has": self.has, "expects": self.expects, "met": self.is_met()})
    }
}

impl TokenReport {
    /// Returns the lines of the report.
    pub(super) fn to_lines(&self) -> Vec<String> {
        let mut lines = described(&self.header, &self.claims, self.now);
        lines.extend(self.expected.iter().map(Expectation::line));
        lines.extend(self.caller.iter().flat_map(CallerSummary::lines));
        let (method, _, path) = &self.request;
        lines.push(format!("{method} {path} {}", self.verdict));
        lines
    }

    /// Returns the report as one JSON object.
    pub(super) fn to_json(&self) -> Value {
        let (method, host, path) = &self.request;
        let caller = self.caller.as_ref();
        let time = |claim: &str| self.claims.get(claim).and_then(Value::as_i64).and_then(written);
        json!({
            "header": self.header,
            "claims": self.claims,
            "issued": time("iat"),
            "expires": time("exp"),
            "expected": self.expected.iter().map(Expectation::to_json).collect::<Vec<_>>(),
            "subject": caller.map(|caller| &caller.subject),
            "plan": caller.map(|caller| &caller.plan),
            "plan_source": caller.map(|caller| &caller.source),
            "plan_cure": caller.and_then(|caller| caller.cure.as_ref()),
            "features": caller.map(|caller| &caller.features),
            "limits": caller.map(|caller| &caller.limits),
            "request": {"method": method, "host": host, "path": path},
            "decision": self.verdict.to_json(),
        })
    }
}

impl CallerSummary {
    /// Returns the lines about a caller.
    pub(super) fn lines(&self) -> Vec<String> {
        let features = if self.features.is_empty() { "none".to_owned() } else { self.features.join(", ") };
        let mut lines =
            vec![format!("subject  {}", self.subject), format!("plan     {} ({})", self.plan, self.source)];
        lines.extend(self.cure.iter().map(|cure| format!("to fix   {cure}")));
        lines.push(format!("features {features}"));
        for (name, limit) in self.limits.as_object().into_iter().flatten() {
            lines.push(format!("limit    {name}: {}", windows(limit)));
        }
        lines
    }
}

/// Describes the token's header, claims and times.
pub(super) fn described(header: &Value, claims: &Value, now: Micros) -> Vec<String> {
    let pretty = serde_json::to_string_pretty(claims).unwrap_or_default();
    let mut lines = vec![format!("header   {header}"), format!("claims   {pretty}")];
    for (name, word) in [("iat", "issued"), ("exp", "expires")] {
        let Some(at) = claims.get(name).and_then(Value::as_i64) else { continue };
        let ahead = at.saturating_sub(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        let apart =
            if ahead < 0 { format!("{} s ago", ahead.unsigned_abs()) } else { format!("in {ahead} s") };
        lines.push(format!("{word:9}{} ({apart})", written(at).unwrap_or_default()));
    }
    lines
}

/// Returns a time in Unix seconds as text.
fn written(at: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(at).ok()?.format(&Rfc3339).ok()
}

fn windows(limit: &Value) -> String {
    let Some(windows) = limit.as_array() else { return "unlimited".to_owned() };
    let window = |window: &Value| {
        let per = window.get("per").and_then(Value::as_str).unwrap_or_default();
        format!("{} a {per}", window.get("max").and_then(Value::as_u64).unwrap_or_default())
    };
    windows.iter().map(window).collect::<Vec<_>>().join(", ")
}
