//! Notes of a Checkout Session's owner, and the claims that take precedence over them.

use crate::harness::{
    Delivered, FORMER_MARK_KEY, FakeMetadata, Model, OWNER_FROM_KEY, OWNER_KEY, is_to, metadata,
};
use serde_json::json;
use std::time::Duration;

const SUBJECTS: [&str; 5] = ["user_1", "user_2", "org_1", "org_2", "user_3"];

fn model() -> Model {
    let mut model = Model::new();
    SUBJECTS.iter().for_each(|subject| model.world.clerk.add(subject));
    model.world.stripe.add_customer("cus_1", &[]);
    model
}

fn key(subject: &str) -> &'static str {
    if subject.starts_with("org_") { "clerk_org_id" } else { "clerk_user_id" }
}

/// Creates a purchase whose session names the owner in metadata or by reference.
fn buy(model: &mut Model, id: &str, price: &str, metadata: Option<&str>, reference: Option<&str>) {
    let first = model.world.stripe.events.len();
    model.world.stripe.add_subscription(id, "cus_1", price, &[]);
    let pairs: Vec<(&str, &str)> = metadata.iter().map(|subject| (key(subject), *subject)).collect();
    model.world.stripe.add_session(id, &pairs, reference);
    model.deliver_from(first);
}

fn set(model: &mut Model, subscription: &str, pairs: &[(&str, &str)]) -> Delivered {
    let pairs = metadata(pairs);
    let event = model.world.stripe.change_subscription(subscription, |found| found.metadata.extend(pairs));
    model.deliver_from(event.unwrap())
}

fn set_on_customer(model: &mut Model, pairs: &[(&str, &str)]) -> Delivered {
    let pairs = metadata(pairs);
    let event = model.world.stripe.change_customer("cus_1", |metadata| metadata.extend(pairs));
    model.deliver_from(event.unwrap())
}

/// Returns the plan of each subject; `none` if it was never written.
fn plans<'a>(model: &'a Model, subjects: &[&str]) -> Vec<&'a str> {
    subjects.iter().map(|subject| model.plan(subject).unwrap_or("none")).collect()
}

fn sessions_read(delivered: &Delivered) -> usize {
    delivered.sent.iter().filter(|(_, line)| line.contains("/checkout/sessions")).count()
}

#[test]
fn each_purchase_belongs_to_the_subject_of_its_own_session() {
    let purchases = [
        ("two organizations", Some("org_1"), None, Some("org_2"), None),
        ("a person, then an organization", Some("user_1"), None, Some("org_2"), None),
        ("an organization, then a person", Some("org_1"), None, Some("user_2"), None),
        ("two references", None, Some("user_1"), None, Some("org_1")),
        ("a reference, then metadata", None, Some("user_1"), Some("user_2"), None),
        ("metadata, then a reference", Some("user_1"), None, None, Some("user_2")),
    ];
    for (why, metadata, reference, metadata_2, reference_2) in purchases {
        let mut model = model();
        buy(&mut model, "sub_1", "price_pro", metadata, reference);
        buy(&mut model, "sub_2", "price_ent", metadata_2, reference_2);
        let [first, second] = [metadata.or(reference), metadata_2.or(reference_2)].map(Option::unwrap);
        assert_eq!(plans(&model, &[first, second]), ["pro", "enterprise"], "{why}");
        let event = model.world.stripe.set_status("sub_2", "canceled").unwrap();
        model.deliver_from(event);
        assert_eq!(plans(&model, &[first, second]), ["pro", "free"], "{why}: the second ends");
    }
}

#[test]
fn the_customers_metadata_rank_above_a_noted_reference() {
    let mut model = model();
    buy(&mut model, "sub_1", "price_pro", None, Some("user_1"));
    assert_eq!(plans(&model, &["user_1", "user_2"]), ["pro", "none"]);
    set_on_customer(&mut model, &[("clerk_user_id", "user_2")]);
    assert_eq!(plans(&model, &["user_1", "user_2"]), ["free", "pro"]);
    // And it stays so, whichever event comes next.
    let event = model.world.stripe.set_price("sub_1", "price_ent").unwrap();
    model.deliver_from(event);
    assert_eq!(plans(&model, &["user_1", "user_2"]), ["free", "enterprise"]);
}

#[test]
fn two_owners_by_metadata_raise_an_alarm_and_the_higher_rank_counts() {
    let mut model = model();
    buy(&mut model, "sub_1", "price_pro", Some("user_1"), None);
    let delivered = set_on_customer(&mut model, &[("clerk_user_id", "user_2")]);
    assert_eq!(plans(&model, &["user_1", "user_2"])[0], "pro");
    let alarm = delivered.lines.iter().find(|line| line["alarm"] == "owners_disagree").unwrap();
    assert_eq!(alarm["subject"], "user_1");
    let detail = alarm["detail"].as_str().unwrap();
    assert!(["sub_1", "user_1", "user_2"].iter().all(|name| detail.contains(name)), "{detail}");
    let delivered = set(&mut model, "sub_1", &[("clerk_user_id", "user_2")]);
    assert!(!delivered.alarms().contains(&"owners_disagree"), "{:?}", delivered.alarms());
    assert_eq!(plans(&model, &["user_1", "user_2"]), ["free", "pro"]);
}

#[test]
fn many_disagreements_raise_a_bounded_number_of_alarms() {
    let mut model = model();
    for n in 0..30 {
        model.world.stripe.add_subscription(
            &format!("sub_{n}"),
            "cus_1",
            "price_pro",
            &[("clerk_user_id", "user_1")],
        );
    }
    let delivered = set_on_customer(&mut model, &[("clerk_user_id", "user_2")]);
    let alarm_count = delivered.alarms().iter().filter(|alarm| **alarm == "owners_disagree").count();
    assert!((1..=10).contains(&alarm_count), "{alarm_count}");
}

#[test]
fn a_subscription_that_the_merchant_moves_is_lost_by_the_sessions_owner() {
    // With a note, without one that could be written, and with one of the release before.
    for note in ["written", "missing", "former"] {
        for reference in [false, true] {
            let mut model = model();
            let (named, referred) = if reference { (None, Some("user_1")) } else { (Some("user_1"), None) };
            buy(&mut model, "sub_1", "price_pro", named, referred);
            let noted = &mut model.world.stripe.subscriptions.get_mut("sub_1").unwrap().metadata;
            match note {
                "missing" => noted.clear(),
                "former" if reference => {
                    *noted =
                        metadata(&[("clerk_user_id", "user_1"), (FORMER_MARK_KEY, "client_reference_id")]);
                }
                "former" => *noted = metadata(&[("clerk_user_id", "user_1")]),
                _ => {}
            }
            set(&mut model, "sub_1", &[("clerk_user_id", "user_2")]);
            assert_eq!(plans(&model, &["user_1", "user_2"]), ["free", "pro"], "{note}, {reference}");
            let event = model.world.stripe.set_price("sub_1", "price_ent").unwrap();
            model.deliver_from(event);
            assert_eq!(plans(&model, &["user_1", "user_2"]), ["free", "enterprise"], "{note}, {reference}");
        }
    }
}

#[test]
fn a_note_of_the_earlier_release_keeps_its_rank_and_is_replaced() {
    let mut model = model();
    let former = [("clerk_user_id", "user_1"), (FORMER_MARK_KEY, "client_reference_id"), ("team", "blue")];
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &former);
    model.world.stripe.add_session("sub_1", &[], Some("user_1"));
    model.deliver_from(0);
    assert_eq!(plans(&model, &["user_1"]), ["pro"]);
    let want = [(OWNER_KEY, "user_1"), (OWNER_FROM_KEY, "client_reference_id"), ("team", "blue")];
    assert_eq!(model.world.stripe.subscriptions["sub_1"].metadata, metadata(&want));
    set_on_customer(&mut model, &[("clerk_user_id", "user_2")]);
    assert_eq!(plans(&model, &["user_1", "user_2"]), ["free", "pro"]);
}

#[test]
fn what_the_former_release_noted_of_a_session_stays_the_merchants() {
    let mut model = model();
    set_on_customer(&mut model, &[("clerk_org_id", "org_1")]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[("clerk_org_id", "org_1")]);
    model.world.stripe.add_session("sub_1", &[("clerk_org_id", "org_1")], None);
    model.deliver_from(0);
    assert_eq!(plans(&model, &["org_1"]), ["pro"]);
    assert_eq!(model.world.stripe.subscriptions["sub_1"].metadata, metadata(&[("clerk_org_id", "org_1")]));
    // The next purchase is another organization's: its session has precedence over the customer's metadata.
    buy(&mut model, "sub_2", "price_ent", Some("org_2"), None);
    assert_eq!(plans(&model, &["org_1", "org_2"]), ["pro", "enterprise"]);

    // A gateway of the previous release gave it to the organization in the customer's metadata; the next
    // event corrects that.
    let record = &mut model.world.clerk.subjects.get_mut("org_1").unwrap();
    record.public["plan"] = json!("enterprise");
    record.private["stripe_subscription"] = json!("sub_2");
    model.world.clerk.add("org_2");
    model.world.stripe.subscriptions.get_mut("sub_2").unwrap().metadata.clear();
    let event = model.world.stripe.set_status("sub_2", "trialing").unwrap();
    model.deliver_from(event);
    assert_eq!(plans(&model, &["org_1", "org_2"]), ["pro", "enterprise"]);
}

#[test]
fn a_note_or_an_old_subscription_without_one_saves_the_read() {
    let mut model = model();
    buy(&mut model, "sub_1", "price_pro", Some("user_1"), None);
    let event = model.world.stripe.set_price("sub_1", "price_ent").unwrap();
    assert_eq!(sessions_read(&model.deliver(event)), 0, "noted");

    // Made through the API, without a session; a day is what a session may still come in.
    set_on_customer(&mut model, &[("clerk_user_id", "user_2")]);
    model.world.stripe.add_subscription("sub_2", "cus_1", "price_pro", &[]);
    let reads = |model: &mut Model, price| {
        let event = model.world.stripe.set_price("sub_2", price).unwrap();
        sessions_read(&model.deliver(event))
    };
    assert_eq!(reads(&mut model, "price_ent"), 1);
    assert_eq!(reads(&mut model, "price_pro"), 1, "it is young");
    model.world.now = model.world.now.plus(Duration::from_secs(25 * 3_600));
    assert_eq!(reads(&mut model, "price_ent"), 1);
    assert_eq!(model.world.stripe.subscriptions["sub_2"].metadata, metadata(&[]), "silence is not noted");
    let customers =
        model.world.stripe.change_customer("cus_1", |found| drop(found.insert("a".into(), "b".into())));
    assert_eq!(sessions_read(&model.deliver(customers.unwrap())), 0, "it is remembered");
    model.world.now = model.world.now.plus(Duration::from_secs(3_601));
    let customers = model.world.stripe.change_customer("cus_1", |found| drop(found.remove("a")));
    assert_eq!(sessions_read(&model.deliver(customers.unwrap())), 1, "for an hour");
}

#[test]
fn a_malformed_note_is_ignored() {
    let forged: [&[(&str, &str)]; 4] = [
        &[(OWNER_KEY, "user_1")],
        &[(OWNER_KEY, "user_1"), (OWNER_FROM_KEY, "customer")],
        &[(OWNER_KEY, "user_1/.."), (OWNER_FROM_KEY, "session_metadata")],
        &[(OWNER_FROM_KEY, "session_metadata")],
    ];
    for pairs in forged {
        let mut model = model();
        model.world.clerk.add_with("user_1", json!({"plan": "enterprise"}), json!({}));
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", pairs);
        model.world.stripe.add_session("sub_1", &[("clerk_user_id", "user_2")], None);
        model.deliver_from(0);
        assert_eq!(plans(&model, &["user_1", "user_2"]), ["enterprise", "pro"], "{pairs:?}");
        let want = metadata(&[(OWNER_KEY, "user_2"), (OWNER_FROM_KEY, "session_metadata")]);
        assert_eq!(model.world.stripe.subscriptions["sub_1"].metadata, want, "{pairs:?}");
    }
    // On a customer, or in a session, it is no note either.
    let mut model = model();
    let note = [(OWNER_KEY, "user_1"), (OWNER_FROM_KEY, "session_metadata")];
    set_on_customer(&mut model, &note);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    let event = model.world.stripe.add_session("sub_1", &note, None);
    assert_eq!(model.deliver(event).response(), (200, "no_subject"));
    assert_eq!(plans(&model, &["user_1"]), ["none"]);
}

#[test]
fn a_note_that_the_session_contradicts_is_corrected() {
    for (reference, want) in [(None, metadata(&[])), (Some("user_2"), reference_note("user_2"))] {
        let mut model = model();
        let note = [(OWNER_KEY, "user_1"), (OWNER_FROM_KEY, "session_metadata")];
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &note);
        let event = model.world.stripe.add_session("sub_1", &[], reference);
        model.deliver_from(event);
        assert_ne!(plans(&model, &["user_1"]), ["pro"], "{reference:?}");
        assert_eq!(model.world.stripe.subscriptions["sub_1"].metadata, want, "{reference:?}");
        model.deliver_from(0);
        let owner = if reference.is_some() { "pro" } else { "none" };
        assert_eq!(plans(&model, &["user_2"]), [owner], "{reference:?}");
    }
}

fn reference_note(subject: &str) -> FakeMetadata {
    metadata(&[(OWNER_KEY, subject), (OWNER_FROM_KEY, "client_reference_id")])
}

#[test]
fn the_search_for_one_subject_finds_notes() {
    let mut model = model();
    buy(&mut model, "sub_1", "price_pro", Some("user_1"), None);
    model.world.clerk.add("user_1");
    let conclusion = model.sync_subject("user_1", tollgate_core::backfill::Intent::Apply);
    assert_eq!((conclusion.failure, plans(&model, &["user_1"])), (None, vec!["pro"]));
    assert!(!model.callouts.iter().any(|callout| is_to(callout, "POST", "/v1/customers")));
}
