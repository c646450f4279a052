//! Tests of a subscription's owner: precedence of claims, notes, and disagreements.

use super::*;
use crate::config::note_keys;
use serde_json::json;

fn keys() -> SubjectKeys {
    SubjectKeys {
        user: vec!["clerk_user_id".to_owned(), "userId".to_owned()],
        organization: vec!["clerk_org_id".to_owned()],
    }
}

fn metadata(pairs: &[(&str, &str)]) -> Metadata {
    pairs.iter().copied().collect()
}

fn subscription(own: &[(&str, &str)], customers: &[(&str, &str)]) -> Subscription {
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect();
    let own: serde_json::Map<String, serde_json::Value> = pairs(own);
    let customers: serde_json::Map<String, serde_json::Value> = pairs(customers);
    let json = serde_json::json!({
        "id": "sub_1", "object": "subscription", "status": "active", "created": 1, "metadata": own,
        "customer": {"id": "cus_1", "object": "customer", "metadata": customers},
        "items": {"object": "list", "data": [], "has_more": false},
    });
    Subscription::parse(json.to_string().as_bytes()).unwrap()
}

fn settings(client_reference_id: bool) -> SyncSettings {
    let upstream = |cluster| json!({"cluster": cluster});
    let section = json!({
        "path": "/webhooks/stripe",
        "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
        "stripe": upstream("stripe_api"),
        "clerk": upstream("clerk_api"),
        "client_reference_id": client_reference_id,
        "subject_keys": {"user": ["clerk_user_id", "userId"], "organization": ["clerk_org_id"]},
    });
    let document = json!({"plans": [{"name": "free"}], "stripe_webhook": section}).to_string();
    crate::config::read::<crate::config::StripeWebhookSettings>(document.as_bytes(), &|name| {
        (name == "STRIPE_WEBHOOK_SECRET").then(|| "whsec_model".to_owned())
    })
    .unwrap()
    .section
    .sync
}

fn session(pairs: &[(&str, &str)], reference: Option<&str>) -> CheckoutSession {
    CheckoutSession {
        id: "cs_1".to_owned(),
        metadata: metadata(pairs),
        client_reference_id: reference.map(str::to_owned),
        customer: None,
        subscription: None,
        created_s: 1,
    }
}

#[test]
fn only_valid_ids_under_configured_keys_name_a_subject() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>, usize);
    let cases: &[Case] = &[
        ("a user", &[("clerk_user_id", "user_1")], Some("user_1"), 0),
        ("a second key", &[("userId", "user_1")], Some("user_1"), 0),
        ("an organization", &[("clerk_org_id", "org_1")], Some("org_1"), 0),
        ("it goes first", &[("clerk_user_id", "user_1"), ("clerk_org_id", "org_1")], Some("org_1"), 0),
        ("the first key of a kind", &[("userId", "user_2"), ("clerk_user_id", "user_1")], Some("user_1"), 0),
        ("another key", &[("user", "user_1")], None, 0),
        ("an emptied key", &[("clerk_user_id", "")], None, 0),
        ("the wrong kind", &[("clerk_org_id", "user_1")], None, 1),
        ("no id", &[("clerk_user_id", "user_1/../x")], None, 1),
        ("no id, but a user", &[("clerk_org_id", "acme"), ("clerk_user_id", "user_1")], Some("user_1"), 1),
    ];
    for (why, pairs, want, invalid_keys) in cases {
        let found = named_in(&metadata(pairs), &keys());
        assert_eq!(found.subject.as_ref().map(Subject::as_str), *want, "{why}");
        assert_eq!(found.invalid_keys.len(), *invalid_keys, "{why}");
    }
}

const USER: fn(&'static str) -> (&'static str, &'static str) = |id| ("clerk_user_id", id);
const MARK: (&str, &str) = (note_keys::FORMER_MARK_KEY, "client_reference_id");

fn note(id: &'static str, from: &'static str) -> [(&'static str, &'static str); 2] {
    [(note_keys::OWNER_KEY, id), (note_keys::OWNER_FROM_KEY, from)]
}

/// The owner, the kind of its claim, whether the session must be read, and the metadata to write.
type Found = (Option<(String, Via)>, bool, Vec<(String, String)>);

fn claims(
    own: &[(&str, &str)],
    customers: &[(&str, &str)],
    sessions: Option<&[CheckoutSession]>,
    settings: &SyncSettings,
) -> Claims {
    let session_claims = sessions.map(|sessions| SessionClaims::new(sessions, &settings.subject_keys));
    Claims::new(&subscription(own, customers), session_claims.as_ref(), settings)
}

fn found(
    own: &[(&str, &str)],
    customers: &[(&str, &str)],
    sessions: Option<&[CheckoutSession]>,
    settings: &SyncSettings,
) -> Found {
    let claims = claims(own, customers, sessions, settings);
    let owner = claims.owner().map(|named| (named.subject.as_str().to_owned(), named.via));
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let pairs = claims.note_change.as_ref().map(|change| change.pairs().into_iter().map(owned).collect());
    (owner, claims.needs_session, pairs.unwrap_or_default())
}

fn by(id: &str, via: Via) -> Option<(String, Via)> {
    Some((id.to_owned(), via))
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_owner_follows_the_order_of_precedence() {
    let (settings, not_read) = (settings(true), None);
    let own = [USER("user_own")];
    let customers = [USER("user_customer")];
    let by_metadata = [session(&[USER("user_session")], Some("user_reference"))];
    let by_reference = [session(&[], Some("user_reference"))];
    let without_subject = [session(&[], Some("order 66"))];
    let metadata = |id| by(id, Via::Metadata);
    let note_of_session = pairs(&note("user_session", "session_metadata"));
    let note_of_reference = pairs(&note("user_reference", "client_reference_id"));
    let none = Vec::new;
    type Sessions<'a> = Option<&'a [CheckoutSession]>;
    let cases: [(&str, &[_], &[_], Sessions<'_>, Found); 9] = [
        ("its own", &own, &customers, Some(&by_metadata), (metadata("user_own"), false, none())),
        ("its own is enough", &own, &[], not_read, (metadata("user_own"), false, none())),
        (
            "the session's",
            &[],
            &customers,
            Some(&by_metadata),
            (metadata("user_session"), false, note_of_session),
        ),
        (
            "the customer's before the reference, which is noted all the same",
            &[],
            &customers,
            Some(&by_reference),
            (metadata("user_customer"), false, note_of_reference.clone()),
        ),
        (
            "the reference",
            &[],
            &[],
            Some(&by_reference),
            (by("user_reference", Via::Reference), false, note_of_reference),
        ),
        ("no id in the reference", &[], &[], Some(&without_subject), (None, false, none())),
        ("no session", &[], &customers, Some(&[]), (metadata("user_customer"), false, none())),
        ("the session may say more", &[], &customers, not_read, (metadata("user_customer"), true, none())),
        ("its own is no id", &[USER("x")], &customers, Some(&[]), (metadata("user_customer"), false, none())),
    ];
    for (why, own, customers, sessions, want) in cases {
        assert_eq!(found(own, customers, sessions, &settings), want, "{why}");
    }
}

#[test]
fn a_note_has_the_precedence_of_its_source() {
    let settings = settings(true);
    let customers = [USER("user_customer")];
    let session_note = note("user_noted", "session_metadata");
    let reference_note = note("user_noted", "client_reference_id");
    let metadata = |id| by(id, Via::Metadata);
    assert_eq!(found(&session_note, &customers, None, &settings), (metadata("user_noted"), false, vec![]));
    assert_eq!(
        found(&reference_note, &customers, None, &settings),
        (metadata("user_customer"), false, vec![])
    );
    assert_eq!(
        found(&reference_note, &[], None, &settings),
        (by("user_noted", Via::Reference), false, vec![])
    );
    let own = [USER("user_own"), session_note[0], session_note[1]];
    assert_eq!(found(&own, &[], None, &settings), (metadata("user_own"), false, vec![]));

    // The session itself was read.
    let other = [session(&[USER("user_session")], None)];
    let want = (metadata("user_session"), false, pairs(&note("user_session", "session_metadata")));
    assert_eq!(found(&session_note, &[], Some(&other), &settings), want);
    let without_subject = [session(&[], None)];
    let cleared = pairs(&note("", ""));
    assert_eq!(
        found(&session_note, &[], Some(&without_subject), &settings),
        (None, false, cleared),
        "the session names no subject"
    );
    assert_eq!(
        found(&session_note, &[], Some(&[]), &settings).0,
        metadata("user_noted"),
        "no session contradicts the note"
    );

    // A value that Tollgate does not write is not a note.
    for broken in [note("user_noted", "metadata"), note("user_noted", ""), note("user 1", "session_metadata")]
    {
        let found = found(&broken, &customers, None, &settings);
        assert_eq!(found, (metadata("user_customer"), true, vec![]), "{broken:?}");
    }
}

#[test]
fn notes_of_references_are_ignored_if_references_are() {
    let settings = settings(false);
    let reference = [session(&[], Some("user_1"))];
    let noted = note("user_1", "client_reference_id");
    let session_only = claims(&[], &[], Some(&reference), &settings);
    assert_eq!((session_only.all_named().next(), &session_only.note_change), (None, &None));
    for own in [&noted[..], &[USER("user_1"), MARK]] {
        let claims = claims(own, &[], None, &settings);
        assert_eq!((claims.owner(), &claims.note_change), (None, &None), "{own:?}");
        // The previous owner is still included.
        let all_named: Vec<_> = claims.all_named().map(|named| (named.subject.as_str(), named.via)).collect();
        assert_eq!(all_named, [("user_1", Via::Reference)]);
    }
}

#[test]
fn notes_of_the_former_release_are_replaced_and_other_keys_stay() {
    let settings = settings(true);
    let own = [USER("user_1"), MARK];
    let customers = [USER("user_customer")];
    let replaced = |removed: &[(&str, &str)]| {
        let note = note("user_1", "client_reference_id");
        pairs(&note).into_iter().chain(pairs(removed)).collect::<Vec<_>>()
    };
    let both = replaced(&[("clerk_user_id", ""), (MARK.0, "")]);
    let reference = by("user_1", Via::Reference);
    assert_eq!(found(&own, &[], None, &settings), (reference.clone(), true, vec![]));
    let session = |reference| [session(&[], Some(reference))];
    assert_eq!(
        found(&own, &[], Some(&session("user_1")), &settings),
        (reference.clone(), false, both.clone())
    );
    assert_eq!(
        found(&own, &[], Some(&[]), &settings),
        (reference, false, both.clone()),
        "the session no longer exists"
    );
    let found_beside = found(&own, &customers, Some(&session("user_1")), &settings);
    assert_eq!(found_beside, (by("user_customer", Via::Metadata), false, both));

    // The merchant moved the subscription and left the mark.
    let moved = [USER("user_2"), MARK];
    let want = (by("user_2", Via::Metadata), false, replaced(&[(MARK.0, "")]));
    assert_eq!(found(&moved, &customers, Some(&session("user_1")), &settings), want);
    let moved = [USER("user_1"), ("clerk_org_id", "org_1"), MARK];
    let want = (by("org_1", Via::Metadata), false, replaced(&[("clerk_user_id", ""), (MARK.0, "")]));
    assert_eq!(found(&moved, &[], Some(&session("user_1")), &settings), want);
}

#[test]
fn claims_of_the_merchant_may_disagree() {
    let settings = settings(true);
    let disagreement = |own: &[(&str, &str)], customers: &[(&str, &str)]| {
        let claims = claims(own, customers, None, &settings);
        claims.disagreement().map(|(owner, other)| (owner.to_string(), other.to_string()))
    };
    let pair = |owner: &str, other: &str| Some((owner.to_owned(), other.to_owned()));
    let noted = note("org_1", "session_metadata");
    assert_eq!(disagreement(&[USER("user_1")], &[USER("user_2")]), pair("user_1", "user_2"));
    assert_eq!(disagreement(&noted, &[("clerk_org_id", "org_2")]), pair("org_1", "org_2"));
    assert_eq!(disagreement(&[USER("user_1")], &[USER("user_1")]), None);
    assert_eq!(
        disagreement(&[USER("user_1"), ("clerk_org_id", "org_1")], &[]),
        None,
        "one subject per object"
    );
    let referred = note("user_2", "client_reference_id");
    assert_eq!(disagreement(&referred, &[USER("user_1")]), None, "a payer's choice is not the merchant's");
    assert_eq!(disagreement(&[USER("user_1"), referred[0], referred[1]], &[]), None);
    let moved = [USER("user_1"), noted[0], noted[1]];
    assert_eq!(disagreement(&moved, &[]), None, "the merchant has moved it since");
    let read = [session(&[USER("user_2")], None)];
    let claims = claims(&[USER("user_1")], &[], Some(&read), &settings);
    assert!(claims.disagreement().is_some(), "the session itself");
}

#[test]
fn a_previous_subject_that_a_payer_may_have_chosen_is_not_trusted() {
    let keys = keys();
    let before = |previous: &[(&str, &str)], now: &[(&str, &str)]| {
        let (named, _) = named_before(&metadata(previous), &metadata(now), &keys);
        named.into_iter().map(|named| (named.subject.to_string(), named.via)).collect::<Vec<_>>()
    };
    let owner = ("tollgate_owner", "user_1");
    let from = |source| ("tollgate_owner_from", source);
    let (trusted, referred) = ([("user_1".into(), Via::Metadata)], [("user_1".into(), Via::Reference)]);
    assert_eq!(before(&[USER("user_1")], &[USER("user_2")]), trusted);
    assert_eq!(before(&[USER("user_1")], &[USER("user_2"), MARK]), referred, "the mark stays");
    assert_eq!(before(&[USER("user_1"), MARK], &[USER("user_2")]), referred, "the mark goes");
    assert_eq!(
        before(&[owner], &[from("session_metadata")]),
        referred,
        "a note only says which subject to check"
    );
}
