//! Tests of the owner of a customer, of the subscription that actions apply to, and of the subscription that
//! prevents buying another.

use super::*;
use crate::clerk::metadata::Record;
use crate::ids::Subject;
use crate::plan_table::Plan;
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::subscription::Subscription;
use serde_json::{Value, json};

fn plans() -> PlanTable {
    let plan = |name: &str| Plan { name: name.to_owned(), ..Plan::default() };
    PlanTable::new(plan("free"), vec![plan("pro"), plan("enterprise")])
}

fn rank(name: &str) -> Rank {
    plans().rank_of(name).unwrap()
}

fn account(subscriptions: Vec<OwnedSubscription>) -> SubjectAccount {
    SubjectAccount {
        subject: Subject::parse("user_1").unwrap(),
        record: Record::default(),
        target: Record::default(),
        subscriptions,
        customer_objects: SortedMap::default(),
        customers_of_others: SortedSet::default(),
        customers_with_trial: SortedSet::default(),
        subscription_ids: SortedSet::default(),
        unreadable: SortedSet::default(),
        clerk_item: None,
    }
}

/// Returns a subscription of `cus_1` that sells a plan (`add-on`: an add-on, `?`: an unmapped price).
fn owned(id: &str, status: &str, plan: &str) -> OwnedSubscription {
    let body = json!({
        "id": id, "customer": "cus_1", "status": status, "created": 100, "metadata": {},
        "items": {"data": [], "has_more": false},
    });
    let sold = match plan {
        "add-on" => SoldPlan::AddOns,
        "?" => SoldPlan::Unmapped,
        plan => SoldPlan::Plan { rank: rank(plan), item: 0 },
    };
    let subscription = Subscription::parse(body.to_string().as_bytes()).unwrap();
    OwnedSubscription { subscription, via: Via::Metadata, sold }
}

fn by_reference(owned: OwnedSubscription) -> OwnedSubscription {
    OwnedSubscription { via: Via::Reference, ..owned }
}

fn customer(id: &str, metadata: &Value) -> Customer {
    let body = json!({"id": id, "object": "customer", "metadata": metadata});
    Customer::parse(body.to_string().as_bytes()).unwrap()
}

#[test]
fn a_customer_is_the_subjects_own_by_metadata_record_or_payment() {
    let keys = SubjectKeys::default();
    let (own, other, none) =
        (json!({"clerk_user_id": "user_1"}), json!({"clerk_user_id": "user_2"}), json!({}));
    let invalid = json!({"clerk_user_id": "ada@example.com"});
    let nothing = || account(vec![]);
    let recorded = || {
        let mut account = account(vec![]);
        account.record.customer = CustomerId::parse("cus_1").ok();
        account
    };
    let pays = || account(vec![owned("sub_1", "active", "pro")]);
    let paid_by_reference = || account(vec![by_reference(owned("sub_1", "active", "pro"))]);
    let ended = || account(vec![owned("sub_1", "canceled", "pro")]);
    let shared = || {
        let mut account = pays();
        account.customers_of_others.insert(CustomerId::parse("cus_1").unwrap());
        account
    };
    let cases = [
        ("its metadata names the subject", nothing(), &own, true),
        ("its metadata names another", nothing(), &other, false),
        ("recorded, but its metadata names another", recorded(), &other, false),
        ("recorded", recorded(), &none, true),
        ("recorded, but its metadata has a malformed id", recorded(), &invalid, false),
        ("not linked to the subject", nothing(), &none, false),
        ("it pays for the subject", pays(), &none, true),
        ("it pays for the subject, but its metadata names another", pays(), &other, false),
        ("only the payer's `client_reference_id` links it", paid_by_reference(), &none, false),
        ("it paid for the subject", ended(), &none, false),
        ("it pays for another subject as well", shared(), &none, false),
    ];
    for (why, account, metadata, want) in cases {
        let got = customer_owner(&account, &customer("cus_1", metadata), &keys);
        assert_eq!(got == CustomerOwner::Subject, want, "{why}");
    }
    let deleted = Customer::parse(br#"{"id": "cus_1", "object": "customer", "deleted": true}"#).unwrap();
    assert_eq!(customer_owner(&recorded(), &deleted, &keys), CustomerOwner::Deleted);
}

#[test]
fn actions_apply_to_the_subscription_that_grants_the_plan() {
    let id_of_current =
        |account: &SubjectAccount| current(account).map(|owned| owned.subscription.id.to_string());
    let two = || vec![owned("sub_1", "past_due", "enterprise"), owned("sub_2", "active", "pro")];
    assert_eq!(id_of_current(&account(two())).as_deref(), Some("sub_2"), "the one with the better status");
    let mut granting = account(two());
    granting.target.granted_by = Some(granting.subscriptions[0].subscription.id.clone());
    assert_eq!(id_of_current(&granting).as_deref(), Some("sub_1"), "the one that grants");
    for none in [
        vec![],
        vec![owned("sub_1", "canceled", "pro")],
        vec![owned("sub_1", "active", "add-on")],
        vec![owned("sub_1", "active", "?")],
        vec![by_reference(owned("sub_1", "active", "pro"))],
    ] {
        assert_eq!(id_of_current(&account(none)), None);
    }
}

#[test]
fn a_live_subscription_with_a_plan_prevents_another() {
    let live = ["active", "trialing", "past_due", "unpaid", "paused", "incomplete", "something_new"];
    for status in live {
        assert!(
            blocking_subscription(&account(vec![owned("sub_1", status, "pro")]), &plans(), rank("pro"))
                .is_some(),
            "{status}"
        );
    }
    for status in ["canceled", "incomplete_expired"] {
        assert!(
            blocking_subscription(&account(vec![owned("sub_1", status, "pro")]), &plans(), rank("pro"))
                .is_none(),
            "{status}"
        );
    }
}

#[test]
fn a_subscription_by_client_reference_id_prevents_only_lower_plans() {
    let account = account(vec![by_reference(owned("sub_1", "active", "pro"))]);
    assert!(blocking_subscription(&account, &plans(), rank("pro")).is_some());
    assert!(blocking_subscription(&account, &plans(), rank("enterprise")).is_none());
    for status in ["unpaid", "incomplete", "paused"] {
        let ungranted = vec![by_reference(owned("sub_1", status, "pro"))];
        assert!(
            blocking_subscription(&self::account(ungranted), &plans(), rank("pro")).is_none(),
            "{status}"
        );
    }
}

#[test]
fn add_ons_and_unmapped_subscriptions_prevent_nothing() {
    let add_on = account(vec![owned("sub_1", "active", "add-on")]);
    assert!(blocking_subscription(&add_on, &plans(), rank("pro")).is_none());
    let mut unmapped = account(vec![owned("sub_1", "active", "?")]);
    assert!(blocking_subscription(&unmapped, &plans(), rank("pro")).is_none());
    unmapped.record.plan = Some("gold".to_owned());
    let found = blocking_subscription(&unmapped, &plans(), rank("pro")).unwrap();
    assert!(found.alarm.is_some(), "the record shows a plan that is not known here");
    unmapped.record.plan = Some("pro".to_owned());
    unmapped.record.granted_by = Some(unmapped.subscriptions[0].subscription.id.clone());
    let found = blocking_subscription(&unmapped, &plans(), rank("pro")).unwrap();
    assert!(found.alarm.is_none(), "the record names it");
}

#[test]
fn only_actions_that_would_succeed_are_listed() {
    let status = |text: &str| SubscriptionStatus::from(text);
    let cases = [
        (None, false, "checkout"),
        (Some("canceled"), false, "checkout"),
        (Some("incomplete_expired"), false, "checkout"),
        (Some("active"), false, "change cancel"),
        (Some("trialing"), false, "change cancel"),
        (Some("active"), true, "resume change"),
        (Some("past_due"), false, ""),
        (Some("unpaid"), false, ""),
        (Some("incomplete"), false, ""),
        (Some("paused"), false, "resume"),
        (Some("something_new"), false, ""),
    ];
    for (text, is_pending, want) in cases {
        let status = text.map(status);
        let conditions = |has_customer, is_managed_elsewhere| ActionConditions {
            status: status.as_ref(),
            is_pending,
            is_managed_elsewhere,
            has_customer,
        };
        assert_eq!(conditions(false, false).actions().join(" "), want, "{text:?}");
        let with_portal = format!("{want} portal");
        assert_eq!(conditions(true, false).actions().join(" "), with_portal.trim(), "{text:?}");
        if text == Some("active") {
            assert_eq!(conditions(true, true).actions(), ["portal"], "another schedule manages it");
        }
    }
}
