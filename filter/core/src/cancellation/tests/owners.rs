//! Whose subscriptions are canceled: those that the merchant's metadata give to the deleted user, no others.

use super::*;
use crate::config::CancellationTime::Now;
use serde_json::json;

#[test]
fn each_kind_of_metadata_that_names_the_user_is_enough() {
    let own = json!({"metadata": {"clerk_user_id": "user_1"}, "customer": "cus_2"});
    let note = json!({
        "metadata": {"tollgate_owner": "user_1", "tollgate_owner_from": "session_metadata"}, "customer": "cus_3",
    });
    let of_customer = json!({});
    let session = json!({});
    let mut apis = ScriptedApis::new([
        subscription("sub_customer", of_customer),
        subscription("sub_note", note),
        subscription("sub_own", own),
        subscription("sub_session", session),
    ]);
    let named = json!({"id": "cs_1", "created": 1, "metadata": {"clerk_user_id": "user_1"}, "client_reference_id": null});
    apis.sessions.insert("sub_session".to_owned(), vec![named]);
    let (end, lines) = run(&mut apis, Now);
    assert_eq!((end.canceled, end.has_alarms), (4, false), "{lines:?}");
    let mut ids: Vec<String> = audited(&lines).into_iter().map(|(id, _)| id).collect();
    ids.sort();
    assert_eq!(ids, ["sub_customer", "sub_note", "sub_own", "sub_session"]);
}

#[test]
fn a_subscription_of_another_owner_stays() {
    let of_customer = json!({});
    let cases = [
        ("its own metadata name another user", json!({"clerk_user_id": "user_2"}), of_customer.clone()),
        (
            "its own metadata name an organization too",
            json!({"clerk_user_id": "user_1", "clerk_org_id": "org_1"}),
            of_customer.clone(),
        ),
        (
            "its note names another user",
            json!({"tollgate_owner": "user_2", "tollgate_owner_from": "session_metadata"}),
            of_customer.clone(),
        ),
        ("its session names an organization", json!({}), json!({"clerk_org_id": "org_1"})),
        ("its session names another user", json!({}), json!({"clerk_user_id": "user_2"})),
    ];
    for (why, metadata, session) in cases {
        let mut apis = ScriptedApis::new([subscription("sub_1", json!({"metadata": metadata}))]);
        let session =
            json!({"id": "cs_1", "created": 1, "metadata": session, "client_reference_id": "user_1"});
        apis.sessions.insert("sub_1".to_owned(), vec![session]);
        let (end, lines) = run(&mut apis, Now);
        assert_eq!((apis.writes().len(), lines.len()), (0, 0), "{why}: {lines:?}");
        assert!(end.result.is_ok() && end.canceled == 0, "{why}");
    }
}

#[test]
fn a_client_reference_id_alone_cancels_nothing() {
    let note = json!({"tollgate_owner": "user_1", "tollgate_owner_from": "client_reference_id"});
    let of_payer = json!({"customer": "cus_2", "metadata": note});
    let mut apis = ScriptedApis::new([subscription("sub_1", of_payer)]);
    let (end, lines) = run(&mut apis, Now);
    assert!(apis.requests.iter().any(|request| request.contains("customer=cus_2")), "it is found");
    assert_eq!((apis.writes().len(), lines.len(), end.canceled), (0, 0, 0));

    // The same without a note: the customer is found by another subscription.
    let own = json!({"customer": "cus_2", "status": "canceled", "metadata": {"clerk_user_id": "user_1"}});
    let mut apis =
        ScriptedApis::new([subscription("sub_1", json!({"customer": "cus_2"})), subscription("sub_2", own)]);
    let session = json!({"id": "cs_1", "created": 1, "metadata": {}, "client_reference_id": "user_1"});
    apis.sessions.insert("sub_1".to_owned(), vec![session]);
    let (end, _) = run(&mut apis, Now);
    assert!(
        apis.requests.iter().any(|request| request.contains("subscription=sub_1")),
        "its session is read"
    );
    assert_eq!((apis.writes().len(), end.canceled), (0, 0));
}

#[test]
fn a_malformed_id_may_be_of_another_owner() {
    let metadata = json!({"clerk_user_id": "user_1", "clerk_org_id": "org 1"});
    let mut apis = ScriptedApis::new([subscription("sub_1", json!({"metadata": metadata}))]);
    let (end, lines) = run(&mut apis, Now);
    assert_eq!(
        (apis.writes().len(), end.canceled, alarms(&lines)),
        (0, 0, vec!["invalid_subject_id".to_owned()])
    );
}

#[test]
fn nothing_is_canceled_if_clerk_still_has_the_user() {
    let mut apis = ScriptedApis { has_user: true, ..ScriptedApis::new([subscription("sub_1", json!({}))]) };
    let (end, lines) = run(&mut apis, Now);
    assert_eq!(end.result, Ok(crate::cancellation::CancellationResult::SubjectExists));
    assert_eq!(apis.requests, ["GET /v1/users/user_1"]);
    assert_eq!(alarms(&lines), ["deleted_subject_exists"]);
}

#[test]
fn a_user_without_subscriptions_needs_no_more_than_the_searches() {
    let mut apis = ScriptedApis::default();
    let (end, lines) = run(&mut apis, Now);
    assert_eq!((end.canceled, end.has_alarms, lines.len(), apis.requests.len()), (0, false, 0, 3));
    let queries: Vec<String> = apis.requests[1..].iter().map(|request| decoded(request)).collect();
    assert_eq!(
        queries,
        [
            "GET /v1/customers/search?query=metadata['clerk_user_id']:'user_1'&limit=100",
            "GET /v1/subscriptions/search?query=metadata['clerk_user_id']:'user_1' OR \
             metadata['tollgate_owner']:'user_1'&limit=100",
        ]
    );
}

fn decoded(request: &str) -> String {
    let spaced = request.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8().unwrap().into_owned()
}
