//! The requests as Envoy saw them: its access log, with the fields that `configuration.rs` adds.

use super::configuration::{API_PREFIX, RULES};
use serde::{Deserialize, Serialize};

/// Envoy's response code details of a response of the upstream.
const FROM_UPSTREAM: &str = "via_upstream";

/// A line of the access log, as far as it is shown.
#[derive(Debug, Deserialize)]
struct AccessLogLine {
    time_ms: String,
    /// Set for a request of the playground itself.
    own: Option<String>,
    method: String,
    path: String,
    status: u16,
    details: Option<String>,
    duration_ms: i64,
    request_id: Option<String>,
    user: Option<String>,
    organization: Option<String>,
    plan: Option<String>,
    response_plan: Option<String>,
    response_subject: Option<String>,
}

/// What Tollgate did with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ShownDecision {
    /// The gate let it pass at a rule.
    Allowed,
    /// A filter refused it.
    Refused,
    /// No filter had anything to do with it.
    Passed,
    /// A filter answered it: a webhook, a billing endpoint, or the usage.
    Answered,
}

/// A request, for the pages.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct RequestEvent {
    pub(super) id: String,
    time: i64,
    method: String,
    path: String,
    status: u16,
    code: Option<String>,
    rule: Option<&'static str>,
    plan: Option<String>,
    subject: Option<String>,
    decision: ShownDecision,
    duration_ms: i64,
}

/// Returns the request of a line; `None` for the playground's own requests and its pages, and for a line that is
/// none.
pub(super) fn request_event(line: &str) -> Option<RequestEvent> {
    let line: AccessLogLine = serde_json::from_str(line).ok()?;
    let decision = decision(&line);
    let is_page = decision == ShownDecision::Passed && matches!(line.method.as_str(), "GET" | "HEAD");
    let is_own = line.own.is_some() || line.path.starts_with(API_PREFIX);
    if is_own || is_page {
        return None;
    }
    Some(RequestEvent {
        id: line.request_id?,
        time: line.time_ms.parse().ok()?,
        rule: rule_of(&line.path),
        method: line.method,
        path: line.path,
        status: line.status,
        code: line.details.filter(|details| details != FROM_UPSTREAM),
        plan: line.plan.or(line.response_plan),
        subject: line.organization.or(line.user).or(line.response_subject),
        decision,
        duration_ms: line.duration_ms,
    })
}

fn decision(line: &AccessLogLine) -> ShownDecision {
    if line.plan.is_some() {
        // The gate adds the plan to requests that it lets pass; Envoy has removed a client's own field.
        ShownDecision::Allowed
    } else if line.details.as_deref() == Some(FROM_UPSTREAM) {
        ShownDecision::Passed
    } else if line.status >= 400 {
        ShownDecision::Refused
    } else {
        ShownDecision::Answered
    }
}

/// Returns the rule that applies to a path, as the gate finds it.
fn rule_of(path: &str) -> Option<&'static str> {
    let is_below =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    RULES.iter().find(|rule| is_below(rule.path_prefix)).map(|rule| rule.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Returns a line like those of Envoy, with other values for some fields.
    fn line(fields: &Value) -> String {
        let mut line = json!({
            "time_ms": "1795939200123", "own": null, "time": "2026-11-29T08:00:00.123Z", "method": "POST", "path": "/ask",
            "status": 200, "details": "via_upstream", "flags": null, "duration_ms": 7, "bytes_in": 0, "bytes_out": 2,
            "request_id": "r1", "user": null, "organization": null, "plan": null, "response_plan": null,
            "response_subject": null,
        });
        for (name, value) in fields.as_object().into_iter().flatten() {
            line[name] = value.clone();
        }
        line.to_string()
    }

    fn event(fields: &Value) -> Value {
        serde_json::to_value(request_event(&line(fields))).expect("JSON")
    }

    #[test]
    fn an_allowed_request_has_the_fields_that_the_gate_set() {
        let want = json!({
            "id": "r1", "time": 1_795_939_200_123_i64, "method": "POST", "path": "/ask", "status": 200, "code": null,
            "rule": "ask", "plan": "free", "subject": "user_ada", "decision": "allowed", "duration_ms": 7,
        });
        assert_eq!(event(&json!({"user": "user_ada", "plan": "free"})), want);
        let organization = json!({"user": "user_ada", "organization": "org_labs", "plan": "pro"});
        assert_eq!(event(&organization)["subject"], "org_labs");
    }

    #[test]
    fn each_decision_is_recognized() {
        let cases = [
            (
                json!({"status": 429, "details": "quota_exceeded", "response_plan": "free"}),
                "refused",
                "quota_exceeded",
            ),
            (json!({"path": "/webhooks/stripe", "details": "processed"}), "answered", "processed"),
            (json!({"path": "/usage", "method": "GET", "details": "usage"}), "answered", "usage"),
            (json!({"path": "/contact"}), "passed", ""),
            (
                json!({"status": 503, "plan": "free", "details": "upstream_reset_before_response_started{connection_failure}"}),
                "allowed",
                "upstream_reset_before_response_started{connection_failure}",
            ),
        ];
        for (fields, decision, code) in cases {
            let event = event(&fields);
            assert_eq!(event["decision"], decision, "{fields}");
            assert_eq!(event["code"].as_str().unwrap_or_default(), code, "{fields}");
        }
        assert_eq!(event(&json!({"status": 429, "details": "x", "response_plan": "free"}))["plan"], "free");
        assert_eq!(event(&json!({"details": "x", "response_subject": "user_ada"}))["subject"], "user_ada");
    }

    #[test]
    fn rules_match_whole_segments() {
        let cases = [
            ("/ask", Some("ask")),
            ("/ask/x", Some("ask")),
            ("/asking", None),
            ("/reports", Some("reports")),
        ];
        for (path, rule) in cases {
            assert_eq!(rule_of(path), rule, "{path}");
        }
    }

    #[test]
    fn pages_own_requests_and_other_lines_are_left_out() {
        let left_out = [
            json!({"method": "GET", "path": "/app.js"}),
            json!({"path": "/playground/api/token"}),
            json!({"path": "/usage", "details": "usage", "own": "yes"}),
        ];
        for fields in left_out {
            assert_eq!(event(&fields), Value::Null, "{fields}");
        }
        for text in ["", "[info] text", "{}", r#"{"time_ms": 1}"#] {
            assert_eq!(request_event(text), None, "{text}");
        }
    }
}
