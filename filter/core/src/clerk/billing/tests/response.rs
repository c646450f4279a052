//! Requests to Clerk Billing, and the reading of responses.

use super::*;
use crate::clerk::api::{BackendApi, ClerkApiError};
use crate::clerk::billing::item_list::{ItemPage, PAGE_ITEMS_MAX};
use crate::clerk::billing::{BillingRead, ClerkItemStatus};
use crate::http::{CalloutError, HeaderMap, Outcome, Request};
use crate::ids::Subject;
use crate::upstream::Upstream;

fn read(status: u16, body: &str) -> Result<BillingRead, ClerkApiError> {
    let headers = HeaderMap::default();
    BillingRead::from_outcome(&Outcome::Response { status, headers: &headers, body: body.as_bytes() })
}

fn path(request: impl FnOnce(BackendApi<'_>) -> crate::http::Callout) -> String {
    let upstream = Upstream {
        cluster: "clerk_api".to_owned(),
        authority: "api.clerk.com".to_owned(),
        base_path: "/v1".to_owned(),
        timeout: Duration::from_secs(2),
        authorization: None,
    };
    let Request::Http { method, path, .. } = request(BackendApi::new(&upstream)).request else {
        panic!("HTTP")
    };
    format!("{method} {path}")
}

#[test]
fn the_requests_are_those_of_the_api_reference() {
    let subject = |id| Subject::parse(id).unwrap();
    let cases = [
        ("user_1", "GET /v1/users/user_1/billing/subscription"),
        ("org_1", "GET /v1/organizations/org_1/billing/subscription"),
    ];
    for (id, want) in cases {
        assert_eq!(path(|api| api.read_billing_subscription(&subject(id))), want);
    }
    let want = "GET /v1/billing/subscription_items?include_free=true&limit=500&offset=1000";
    assert_eq!(path(|api| api.list_billing_items(1_000)), want);
}

#[test]
fn a_response_says_what_clerk_billing_has() {
    let error = |code: &str| json!({"errors": [{"code": code, "message": "x"}]}).to_string();
    let refused = |status, code: &str| Err(ClerkApiError::Refused { status, code: code.to_owned() });
    let found = subscription(&[item("1", "pro_user", json!({}))]);
    let cases = [
        ("a subscription", 200, found.to_string(), Ok(BillingRead::Found(parsed(&found)))),
        ("none", 404, error("resource_not_found"), Ok(BillingRead::Missing)),
        ("none, in other words", 404, error("subscription_not_found"), Ok(BillingRead::Missing)),
        ("a page of another server", 404, "<html>".to_owned(), refused(404, "")),
        ("switched off", 403, error("billing_disabled"), Ok(BillingRead::Off)),
        ("switched off, in other words", 422, error("feature_not_enabled"), Ok(BillingRead::Off)),
        ("a wrong key", 401, error("clerk_key_invalid"), Err(ClerkApiError::Credentials { status: 401 })),
        ("too often", 429, error("too_many_requests"), Err(ClerkApiError::RateLimited { retry_after: None })),
        ("down", 503, String::new(), Err(ClerkApiError::Down { status: 503 })),
        ("a wrong request", 400, error("bad_request"), refused(400, "bad_request")),
        ("nothing", 200, String::new(), Err(ClerkApiError::Unreadable)),
        (
            "a user",
            200,
            json!({"object": "user", "id": "user_1"}).to_string(),
            Err(ClerkApiError::Unreadable),
        ),
    ];
    for (why, status, body, want) in cases {
        assert_eq!(read(status, &body), want, "{why}");
    }
    let none = BillingRead::from_outcome(&Outcome::TimedOut);
    assert_eq!(none, Err(ClerkApiError::NoResponse(CalloutError::TimedOut)));
}

#[test]
fn a_member_of_the_wrong_type_makes_the_subscription_unreadable() {
    let cases = [
        ("an unknown member", json!({"seats": {"quantity": 5}, "new": [1]}), true),
        ("no period", json!({"period_end": null}), true),
        ("no plan", json!({"plan": null}), true),
        ("a plan without a price", json!({"plan": {"slug": "pro_user"}}), true),
        ("an id with another prefix", json!({"id": "si-2"}), true),
        ("a plan without a slug", json!({"plan": {"id": "cplan_1"}}), false),
        ("a slug that is no text", json!({"plan": {"slug": 7}}), false),
        ("a flag that is no flag", json!({"plan": {"slug": "pro_user", "is_default": "no"}}), false),
        ("a date as text", json!({"period_end": "2026-12-01"}), false),
        ("a negative time", json!({"past_due_at": -1}), false),
        ("no status", json!({"status": null}), false),
        ("no id", json!({"id": null}), false),
        ("an id that could re-cut a log line", json!({"id": "a b"}), false),
    ];
    for (why, changes, is_readable) in cases {
        let body = subscription(&[item("1", "pro_user", changes), default_item()]);
        assert_eq!(ClerkSubscription::parse(body.to_string().as_bytes()).is_ok(), is_readable, "{why}");
    }
    for (why, pointer, value) in [
        ("no list", "subscription_items", json!(null)),
        ("another object", "object", json!("commerce_subscription_item")),
        ("a date as text", "past_due_at", json!("now")),
    ] {
        let mut body = subscription(&[]);
        body[pointer] = value;
        assert!(ClerkSubscription::parse(body.to_string().as_bytes()).is_err(), "{why}");
    }
    let many = vec![default_item(); 501];
    assert!(ClerkSubscription::parse(subscription(&many).to_string().as_bytes()).is_err(), "too many");
}

#[test]
fn an_unknown_status_keeps_its_word() {
    let read = parsed(&subscription(&[item("1", "pro_user", json!({"status": "resting"}))]));
    assert_eq!(read.items[0].status, ClerkItemStatus::Unknown("resting".to_owned()));
    assert_eq!(read.items[0].status.as_str(), "resting");
    assert_eq!(ClerkItemStatus::PastDue.as_str(), "past_due");
}

#[test]
fn the_payer_of_a_listed_item_is_a_user_or_an_organization() {
    let listed = |payer: Value| item("1", "pro_user", json!({"payer": payer}));
    let read = |items: Vec<Value>| {
        let (headers, body) = (HeaderMap::default(), json!({"data": items, "total_count": 1}).to_string());
        ItemPage::read(&Outcome::Response { status: 200, headers: &headers, body: body.as_bytes() })
    };
    let cases = [
        ("a user", json!({"user_id": "user_1", "organization_id": ""}), Some("user_1")),
        ("a user, with null", json!({"user_id": "user_1", "organization_id": null}), Some("user_1")),
        ("an organization", json!({"user_id": "", "organization_id": "org_1"}), Some("org_1")),
        (
            "an organization and who pays",
            json!({"user_id": "user_1", "organization_id": "org_1"}),
            Some("org_1"),
        ),
        ("an empty payer", json!({}), None),
        ("no payer", json!(null), None),
        ("an odd id", json!({"user_id": "user/1"}), None),
    ];
    for (why, payer, want) in cases {
        let page = read(vec![listed(payer)]).unwrap();
        assert_eq!(page.payers.first().map(|(payer, _)| payer.as_str()), want, "{why}");
        assert_eq!((page.skipped.is_empty(), page.items), (want.is_some(), 1), "{why}");
    }
    let mut free = default_item();
    free["payer"] = json!({"user_id": "user_1"});
    assert_eq!(read(vec![free]).unwrap().payers, [(Subject::parse("user_1").unwrap(), true)]);
    assert!(!read(vec![default_item(); PAGE_ITEMS_MAX - 1]).unwrap().is_full());
    assert!(read(vec![default_item(); PAGE_ITEMS_MAX]).unwrap().is_full());
    assert_eq!(read(vec![default_item(); PAGE_ITEMS_MAX + 1]), Err(ClerkApiError::Unreadable));
}
