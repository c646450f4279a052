//! What responded to an event: the webhook filter, the gate behind it, or something else; and what to do then.

use serde_json::Value;
use tollgate_core::gate::refusal_codes;
use tollgate_core::problem::ProblemCode;

/// What responded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Responder {
    /// The webhook filter.
    Webhook,
    /// The gate, which no event should reach.
    Gate(ProblemCode),
    /// Neither of Tollgate's filters.
    Other,
}

impl Responder {
    /// Returns what sent a response, by its form.
    pub(super) fn of(response: &Value) -> Self {
        let is_text = |name: &str| response.get(name).is_some_and(Value::is_string);
        let is_result = response.get("received").is_some_and(Value::is_boolean) && is_text("status");
        let is_problem =
            is_text("code") && is_text("detail") && response.get("status").is_some_and(Value::is_u64);
        match (is_result, is_problem) {
            (true, _) => Responder::Webhook,
            (_, true) => code_of_gate(response).map_or(Responder::Webhook, Responder::Gate),
            _ => Responder::Other,
        }
    }

    /// Returns the cause and the fix, if the webhook filter did not respond. `sent` is the path of the
    /// request, and `configured` that of the document, if it is known.
    pub(super) fn note(self, sent: &str, configured: Option<&str>) -> Option<String> {
        const MISSING: &str =
            "so the filter `stripe_webhook` is missing in the filter chain, or comes after `plan_gate`";
        let right_path = match configured {
            Some(path) => format!("the document has `stripe_webhook.path: {path}`"),
            None => {
                "use the `stripe_webhook.path` of the document, which --config FILE shows here".to_owned()
            }
        };
        match self {
            Responder::Webhook => None,
            Responder::Gate(ProblemCode::NotFound) => Some(format!(
                "{sent} is the path of the webhook, and the request reached `plan_gate`, {MISSING}"
            )),
            Responder::Gate(code) => Some(format!(
                "the request reached `plan_gate` and not `stripe_webhook` ({}): {}",
                code.as_str(),
                match configured == Some(sent) {
                    true => format!("{sent} is the path of the document, {MISSING}"),
                    false => format!("{sent} is not the path of the webhook; {right_path}"),
                }
            )),
            Responder::Other => Some(format!(
                "this is not a response of Tollgate's filter: is {sent} the path of the webhook ({right_path}), is the filter in \
                 the chain, and does the service behind it respond instead (`mode: forward`)?"
            )),
        }
    }
}

/// Returns the code of a refusal that only the gate sends to a request without a token.
fn code_of_gate(problem: &Value) -> Option<ProblemCode> {
    const OF_BOTH: [ProblemCode; 3] =
        [ProblemCode::MethodNotAllowed, ProblemCode::InternalError, ProblemCode::SignatureMismatch];
    let mut of_gate = refusal_codes().filter(|code| !OF_BOTH.contains(code));
    let written = problem.get("code")?.as_str()?;
    of_gate.find(|code| code.as_str() == written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problem(status: u16, code: &str) -> Value {
        json!({"title": "x", "status": status, "code": code, "detail": "x"})
    }

    #[test]
    fn a_response_shows_which_filter_sent_it() {
        for (response, want) in [
            (json!({"received": true, "status": "processed"}), Responder::Webhook),
            (problem(400, "missing_signature"), Responder::Webhook),
            (problem(400, "signature_mismatch"), Responder::Webhook),
            (problem(500, "bad_credentials"), Responder::Webhook),
            (problem(401, "missing_token"), Responder::Gate(ProblemCode::MissingToken)),
            (problem(403, "no_rule"), Responder::Gate(ProblemCode::NoRule)),
            (problem(404, "not_found"), Responder::Gate(ProblemCode::NotFound)),
            (json!({"received": true}), Responder::Other),
            (json!("ok"), Responder::Other),
        ] {
            assert_eq!(Responder::of(&response), want, "{response}");
        }
    }

    #[test]
    fn the_note_names_the_path_of_the_document() {
        let note = |code, sent: &str, configured: Option<&str>| {
            Responder::Gate(code).note(sent, configured).unwrap_or_default()
        };
        let missing = ProblemCode::MissingToken;
        let other = note(missing, "/webhook", Some("/webhooks/stripe"));
        assert!(other.contains("reached `plan_gate`") && other.contains("missing_token"), "{other}");
        assert!(other.ends_with("/webhook is not the path of the webhook; the document has `stripe_webhook.path: /webhooks/stripe`"), "{other}");
        assert!(note(missing, "/webhook", None).contains("--config FILE"));
        for note in [
            note(missing, "/webhooks/stripe", Some("/webhooks/stripe")),
            note(ProblemCode::NotFound, "/webhooks/stripe", None),
        ] {
            assert!(note.contains("is missing in the filter chain"), "{note}");
        }
        assert_eq!(Responder::Webhook.note("/", None), None);
    }
}
