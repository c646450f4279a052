//! Every request of core to Clerk equals the one that Clerk's own library makes for the same purpose, and the
//! fake's responses conform to Clerk's OpenAPI description: the library is generated from it, and parses
//! responses by it.

use crate::callout::{client, send, send_request};
use crate::script;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tollgate_core::clerk::api::{API_VERSION, BackendApi, ClerkApiError, record};
use tollgate_core::clerk::metadata::{PlanOf, Record, SubscriptionNote};
use tollgate_core::clerk::user_list::{self, SubjectListKind};
use tollgate_core::http::Callout;
use tollgate_core::ids::{CustomerId, Subject, SubscriptionId};
use tollgate_core::secret::Secret;
use tollgate_core::time::Micros;
use tollgate_core::upstream::Upstream;
use tollgate_tests::fakes::clerk::{ClerkSettings, FakeClerk, Organization, User};
use tollgate_tests::fakes::server::Request;

/// The parts of a request that do not identify its sender.
#[derive(Debug, PartialEq)]
struct RequestSummary {
    method: String,
    path: String,
    authorization: Option<String>,
    version: Option<String>,
    content_type: Option<String>,
    body: Value,
}

impl RequestSummary {
    fn new(request: &Request) -> RequestSummary {
        let header = |name| request.header(name).map(str::to_owned);
        RequestSummary {
            method: request.method.clone(),
            path: request.path_and_query(),
            authorization: header("authorization"),
            version: header("clerk-api-version"),
            content_type: header("content-type"),
            body: request.json(),
        }
    }
}

/// Makes requests with Clerk's library and returns the outcomes.
async fn call(clerk: &FakeClerk, key: &str, requests: Vec<Value>) -> Vec<Value> {
    let server = format!("http://{}/v1", clerk.addr());
    let input = json!({"server": server, "key": key, "version": API_VERSION, "requests": requests});
    let output =
        script::run("tests/contracts/clerk_sdk.py", "tests/clerk-sdk-requirements.txt", &input).await;
    assert_eq!(output["version"], API_VERSION, "the description that Clerk's library is generated from");
    output["outcomes"].as_array().expect("a list").clone()
}

/// Makes the recorded requests again with Clerk's library. They must be the same on the wire, and the
/// responses must have the described form.
pub async fn assert_clerks_library_sends_the_same(clerk: &FakeClerk, requests: &[Request]) {
    let before = clerk.log().entries().len();
    let inputs =
        requests.iter().map(|r| json!({"method": r.method, "path": r.path_and_query(), "body": r.json()}));
    let outcomes = call(clerk, clerk.secret_key(), inputs.collect()).await;
    for (request, outcome) in requests.iter().zip(&outcomes) {
        assert!(outcome["found"].is_string(), "{} {}: {outcome}", request.method, request.path);
    }
    let from_library: Vec<_> =
        clerk.log().entries()[before..].iter().map(|e| RequestSummary::new(&e.request)).collect();
    let from_core: Vec<_> = requests.iter().map(RequestSummary::new).collect();
    assert_eq!(from_core, from_library);
}

fn upstream(key: &str) -> Upstream {
    Upstream {
        cluster: "clerk_api".to_owned(),
        authority: "api.clerk.com".to_owned(),
        base_path: "/v1".to_owned(),
        timeout: Duration::from_secs(2),
        authorization: Some(Secret::new(key).expect("a key")),
    }
}

fn subject(id: &str) -> Subject {
    Subject::parse(id).expect("an id")
}

/// Returns a record with a value in every field that Tollgate writes.
fn full_record() -> Record {
    let customer = |id| CustomerId::parse(id).expect("an id");
    let subscription = |id| SubscriptionId::parse(id).expect("an id");
    Record {
        plan: Some("pro".to_owned()),
        subscription: SubscriptionNote {
            status: Some("past_due".to_owned()),
            current_period_end: Some(Micros::from_secs(1_900_000_000)),
            cancel_at_period_end: Some(true),
            grace_until: Some(Micros::from_secs(1_800_000_000)),
        },
        customers: ["cus_1", "cus_2"].map(customer).into_iter().collect(),
        removed: [customer("cus_3")].into_iter().collect(),
        granted_by: Some(subscription("sub_1")),
        paid_plan: Some(PlanOf { subscription: subscription("sub_1"), plan: "pro".to_owned() }),
        paid_plans: [(subscription("sub_2"), "pro".to_owned())].into_iter().collect(),
        plan_before: Some(PlanOf { subscription: subscription("sub_1"), plan: "free".to_owned() }),
        trial_used: true,
        // These are only read.
        customer: None,
        plan_source: None,
        plan_beside: None,
    }
}

/// Starts a fake with a user and an organization, without a limit on writes.
async fn clerk() -> FakeClerk {
    let clerk = FakeClerk::start_with(ClerkSettings { rate_limit: false, ..ClerkSettings::default() }).await;
    clerk.put_user(User::new("user_1"));
    clerk.put_organization(Organization::new("org_1"));
    clerk
}

/// Sends a callout to the fake, and reads the record in the response.
async fn read_response(
    clerk: &FakeClerk,
    callout: Callout,
    subject: &Subject,
) -> Result<Record, ClerkApiError> {
    let response = send(&callout, |path| format!("http://{}{path}", clerk.addr())).await;
    record(&response.outcome(), subject, "plan")
}

#[tokio::test]
async fn core_sends_what_clerks_library_sends() {
    let clerk = clerk().await;
    let free = Record { plan: Some("free".to_owned()), ..Record::default() };
    for subject in ["user_1", "org_1"].map(subject) {
        let upstream = upstream(clerk.secret_key());
        let api = BackendApi::new(&upstream);
        let mut present = read_response(&clerk, api.read(&subject), &subject).await.expect("a record");
        // Everything is added, then changed or removed, and finally removed.
        for target in [full_record(), free.clone(), full_record(), Record::default()] {
            let patch = present.patch(&target, "plan").expect("a difference");
            // A used trial is never removed from a record.
            let expected = Record { trial_used: present.trial_used || target.trial_used, ..target };
            present = read_response(&clerk, api.write(&subject, &patch), &subject).await.expect("a record");
            assert_eq!(present, expected);
        }
    }
    let requests: Vec<_> = clerk.log().entries().into_iter().map(|entry| entry.request).collect();
    assert_eq!(requests.len(), 10);
    assert_clerks_library_sends_the_same(&clerk, &requests).await;
}

#[tokio::test]
async fn core_lists_users_and_organizations_as_clerks_library_does() {
    let clerk = clerk().await;
    let upstream = upstream(clerk.secret_key());
    for (kind, id) in [(SubjectListKind::Users, "user_1"), (SubjectListKind::Organizations, "org_1")] {
        let callout = user_list::list(BackendApi::new(&upstream), kind, 0);
        let response = send(&callout, |path| format!("http://{}{path}", clerk.addr())).await;
        let page = user_list::SubjectPage::read(&response.outcome(), kind, "plan").expect("a page");
        assert_eq!(page.records, [(subject(id), Record::default())]);
    }
    let requests: Vec<_> = clerk.log().entries().into_iter().map(|entry| entry.request).collect();
    assert_clerks_library_sends_the_same(&clerk, &requests).await;
}

#[tokio::test]
async fn core_and_clerks_library_read_the_same_errors() {
    let clerk = clerk().await;
    let cases = [
        ("a deleted user", clerk.secret_key(), "user_2", "resource_not_found", ClerkApiError::Gone),
        ("a deleted organization", clerk.secret_key(), "org_2", "resource_not_found", ClerkApiError::Gone),
        (
            "a wrong key",
            "sk_test_wrong",
            "user_1",
            "clerk_key_invalid",
            ClerkApiError::Credentials { status: 401 },
        ),
    ];
    for (why, key, id, code, want) in cases {
        let subject = subject(id);
        assert_eq!(
            read_response(&clerk, BackendApi::new(&upstream(key)).read(&subject), &subject).await,
            Err(want),
            "{why}"
        );
        let path = clerk.log().entries().last().expect("a request").request.path.clone();
        let outcomes = call(&clerk, key, vec![json!({"method": "GET", "path": path, "body": null})]).await;
        assert_eq!(outcomes, [json!({"error": code})], "{why}");
    }
}

#[tokio::test]
async fn requests_that_clerks_description_does_not_have_are_refused() {
    let clerk = clerk().await;
    let plan = json!({"plan": "pro"});
    let request = |method: &str, path: &str, body| json!({"method": method, "path": path, "body": body});
    let patch = |path, member: &str, value: &Value| {
        request("PATCH", path, Value::Object(Map::from_iter([(member.to_owned(), value.clone())])))
    };
    let cases = [
        ("an unknown field", patch("/v1/users/user_1/metadata", "metadata", &plan)),
        ("a user's field", patch("/v1/organizations/org_1/metadata", "unsafe_metadata", &plan)),
        ("not an object", patch("/v1/users/user_1/metadata", "public_metadata", &json!("pro"))),
        ("a list", patch("/v1/users/user_1/metadata", "private_metadata", &json!([plan]))),
        ("an unknown path", request("GET", "/v1/user/user_1", Value::Null)),
        ("an unknown method", request("POST", "/v1/users/user_1/metadata", json!({}))),
        ("an unknown query", request("GET", "/v1/users/user_1?expand=all", Value::Null)),
    ];
    let (reasons, requests): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    for (why, outcome) in reasons.iter().zip(call(&clerk, clerk.secret_key(), requests).await) {
        assert!(outcome["refused"].is_string(), "{why}: {outcome}");
    }
    assert_eq!(clerk.log().entries().len(), 0, "no request was sent");

    // Here the library is more lenient than Clerk: it leaves the check to the API, where the fake does it.
    let url = format!("http://{}/v1/users/user_1", clerk.addr());
    let whole = client().patch(url).bearer_auth(clerk.secret_key()).header("clerk-api-version", API_VERSION);
    assert_eq!(send_request(whole.json(&json!({"public_metadata": plan}))).await.status, 422);
}
