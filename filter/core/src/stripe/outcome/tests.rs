//! Tests of each outcome of a call to Stripe, and of its interpretation.

use super::*;

/// Returns the kind of the response: `done`, `missing`, `unauthorized`, `forbidden`, `transient` or
/// `refused`.
fn kind_of(status: u16, should_retry: Option<&str>, body: &str) -> &'static str {
    match response(status, should_retry, body) {
        StripeResponse::Done(_) => "done",
        StripeResponse::Missing => "missing",
        StripeResponse::Unauthorized(_) => "unauthorized",
        StripeResponse::Forbidden(_) => "forbidden",
        StripeResponse::Transient(_) => "transient",
        StripeResponse::Refused(_) => "refused",
    }
}

fn response(status: u16, should_retry: Option<&str>, body: &str) -> StripeResponse<usize> {
    let retry = should_retry.map(|value| (&b"stripe-should-retry"[..], value.as_bytes()));
    let fields = [(&b"request-id"[..], &b"req_1"[..])].into_iter().chain(retry);
    let headers = HeaderMap::from_fields(fields);
    let outcome = Outcome::Response { status, headers: &headers, body: body.as_bytes() };
    StripeResponse::from_outcome(&outcome, |body| Ok(body.len()))
}

fn error(kind: &str, code: &str, param: &str, message: &str) -> String {
    serde_json::json!({"error": {"type": kind, "code": code, "param": param, "message": message,
        "doc_url": "https://stripe.com/docs"}})
    .to_string()
}

/// Stripe's message if a restricted key lacks a permission.
const RESTRICTED: &str = "The provided key 'rk_test_*****abcd' does not have the required permissions for this endpoint \
    on account 'acct_1'. Having the 'rak_subscription_read' permission would allow this request to continue.";

#[test]
fn a_missing_permission_is_named_and_the_key_is_not() {
    let cases = [
        (RESTRICTED, &["rak_subscription_read"][..]),
        ("The key lacks one of rak_customer_read, 'rak_task_read'.", &["rak_customer_read", "rak_task_read"]),
        ("The provided key 'rk_live_*****abcd' does not have the required permissions.", &[]),
    ];
    for (message, want) in cases {
        let body = error("invalid_request_error", "more_permissions_required", "", message);
        let StripeResponse::Forbidden(missing) = response(403, None, &body) else {
            panic!("forbidden: {message}")
        };
        assert_eq!(missing.permissions, want, "{message}");
        assert!(!missing.error.to_string().contains("abcd"), "{message}");
    }
    let many = vec!["rak_x"; 100].join(" ");
    assert_eq!(permissions(&many).len(), PERMISSIONS_MAX);
    assert!(permissions(&format!("rak_{}", "x".repeat(100))).is_empty());
}

#[test]
fn answers_are_sorted_by_what_follows_from_them() {
    let invalid = "invalid_request_error";
    let missing = error(invalid, "resource_missing", "id", "No such customer: 'cus_1'");
    let other_mode = error(
        invalid,
        "resource_missing",
        "id",
        "No such customer: 'cus_1'; a similar object exists in test mode, but a live mode key was used.",
    );
    let cursor = error(invalid, "resource_missing", "starting_after", "No such subscription: 'sub_1'");
    let refused = error(invalid, "parameter_unknown", "foo", "Received unknown parameter: foo");
    let busy = error("api_error", "lock_timeout", "", "This object cannot be accessed right now");
    let bare = r#"{"error": {"message": "Invalid API Key provided: sk_test_****1234"}}"#;
    let cases = [
        ("a success", 200, None, "{}", "done"),
        ("another success", 201, None, "{}", "done"),
        ("a deleted customer", 404, None, &*missing, "missing"),
        ("a list of a missing customer", 400, None, &*missing, "missing"),
        ("an object of the other mode is no missing one", 404, None, &*other_mode, "unauthorized"),
        ("the object of the page cursor is gone", 400, None, &*cursor, "transient"),
        (
            "a path that is not Stripe's",
            404,
            None,
            &*error(invalid, "", "", "Unrecognized request URL"),
            "refused",
        ),
        ("some other server's 404 takes nothing away", 404, None, "<html>Not Found</html>", "transient"),
        ("an empty 404", 404, None, "", "transient"),
        ("a 404 with other JSON", 404, None, r#"{"code": "resource_missing"}"#, "transient"),
        ("a 5xx that says missing is none", 500, None, &*missing, "transient"),
        ("a wrong key", 401, None, bare, "unauthorized"),
        ("a key that may not do this", 403, None, &*refused, "unauthorized"),
        (
            "a restricted key, by the code",
            403,
            None,
            &*error(invalid, "more_permissions_required", "", "x"),
            "forbidden",
        ),
        ("a restricted key, by the message", 403, None, &*error(invalid, "", "", RESTRICTED), "forbidden"),
        (
            "the same words with another status",
            401,
            None,
            &*error(invalid, "", "", RESTRICTED),
            "unauthorized",
        ),
        ("a gateway that has no key", 401, None, "", "unauthorized"),
        ("a wrong key stays wrong", 401, Some("true"), bare, "unauthorized"),
        ("too many requests", 429, None, &*busy, "transient"),
        ("too many, and Stripe would not retry at once", 429, Some("false"), &*busy, "transient"),
        ("a proxy's 429", 429, None, "slow down", "transient"),
        ("busy with the same object", 409, None, &*busy, "transient"),
        ("a conflict that stays", 409, Some("false"), &*refused, "refused"),
        ("an error of Stripe's API", 500, None, &*error("api_error", "", "", "x"), "transient"),
        (
            "an error for which an immediate retry is useless",
            500,
            Some("false"),
            &*error("api_error", "", "", "x"),
            "transient",
        ),
        ("Envoy has no healthy host", 503, None, "no healthy upstream", "transient"),
        ("a wrong request", 400, None, &*refused, "refused"),
        ("a wrong request that Stripe would retry", 400, Some("true"), &*refused, "transient"),
        ("a failed request", 402, None, &*refused, "refused"),
        ("a word that is neither", 400, Some("maybe"), &*refused, "refused"),
        ("a redirect", 301, None, "", "transient"),
        ("a status that does not exist", 0, None, "", "transient"),
    ];
    for (why, status, should_retry, body, want) in cases {
        assert_eq!(kind_of(status, should_retry, body), want, "{why}");
    }
}

#[test]
fn a_call_without_a_response_is_transient() {
    let cases = [
        (Outcome::TimedOut, CalloutError::TimedOut),
        (Outcome::Reset, CalloutError::Reset),
        (Outcome::TooLarge, CalloutError::TooLarge),
        (Outcome::ClusterUnknown, CalloutError::ClusterUnknown),
        (Outcome::Message(b""), CalloutError::WrongProtocol),
        (Outcome::Failed { grpc_status: 14 }, CalloutError::GrpcStatus(14)),
    ];
    for (outcome, want) in cases {
        assert_eq!(
            StripeResponse::<()>::from_outcome(&outcome, |_| Ok(())),
            StripeResponse::Transient(want.into())
        );
    }
}

#[test]
fn a_success_that_cannot_be_read_may_work_later() {
    let headers = HeaderMap::default();
    let outcome = Outcome::Response { status: 200, headers: &headers, body: b"<html>" };
    let answer = StripeResponse::from_outcome(&outcome, super::super::customer::Customer::parse);
    assert!(matches!(answer, StripeResponse::Transient(TransientError::Unreadable(_))), "{answer:?}");
}

#[test]
fn an_error_keeps_what_helps_and_no_secret() {
    let body = error(
        "invalid_request_error",
        "parameter_unknown",
        "foo",
        "Key 'rk_live_****abcd' and sk_test_1234, pk_1. Not https://x.y or ada@example.com. See https://docs.stripe.com/api",
    );
    let secrets = error("sk_test_1234", "rk_test_1234", "ada@example.com", "");
    let StripeResponse::Refused(error) = response(400, None, &body) else { panic!("refused") };
    assert_eq!(
        (error.status, error.kind.as_str(), error.code.as_str()),
        (400, "invalid_request_error", "parameter_unknown")
    );
    assert_eq!((error.param.as_str(), error.request_id.as_str()), ("foo", "req_1"));
    assert_eq!(error.message, "Key '*** and *** *** Not *** or *** See https://docs.stripe.com/api");
    let text = error.to_string();
    assert!(text.starts_with("400 invalid_request_error parameter_unknown of foo: Key"), "{text}");
    assert!(text.ends_with(", request req_1"), "{text}");
    let StripeResponse::Refused(hidden) = response(400, None, &secrets) else { panic!("refused") };
    assert_eq!(hidden.to_string(), "400 *** *** of ***, request req_1");
    let StripeResponse::Unauthorized(bare) = response(401, None, "") else { panic!("unauthorized") };
    assert_eq!(bare.to_string(), "401");
}

#[test]
fn an_error_is_bounded() {
    let body = error("t", "c", "p", &"ü".repeat(MESSAGE_CHARS_MAX + 1));
    let StripeResponse::Refused(error) = response(400, None, &body) else { panic!("refused") };
    assert_eq!(error.message, "ü".repeat(MESSAGE_CHARS_MAX));
}
