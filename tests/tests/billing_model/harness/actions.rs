//! The actions of a user at the billing endpoints, and the situations in which they happen.

use super::shop::{Shop, USER};
use super::state::ShopState;
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::stripe::model::{Card, Customer, Subscription};

/// A request to an endpoint, and the situation in which it succeeds.
#[derive(Clone, Debug)]
pub(crate) struct BillingAction {
    situation: fn(&mut Shop),
    pub(crate) path: &'static str,
    pub(crate) body: Value,
}

impl BillingAction {
    fn new(situation: fn(&mut Shop), path: &'static str, body: Value) -> Self {
        BillingAction { situation, path, body }
    }

    /// Opens a shop in the action's situation.
    pub(crate) fn shop(&self) -> Shop {
        let mut shop = Shop::open();
        (self.situation)(&mut shop);
        shop.deliver_all();
        shop.pass(Duration::from_secs(60));
        shop.trace.push("-- the situation is set up".to_owned());
        shop
    }
}

/// Returns the actions that buy a plan.
pub(crate) fn checkouts() -> Vec<BillingAction> {
    vec![
        BillingAction::new(nothing, "checkout", json!({"plan": "pro"})),
        BillingAction::new(pro_session, "checkout", json!({"plan": "enterprise", "interval": "month"})),
        BillingAction::new(pro_session, "checkout", json!({"plan": "pro"})),
        BillingAction::new(ended, "checkout", json!({"plan": "pro"})),
    ]
}

/// Returns the actions that buy an item once.
pub(crate) fn purchases() -> Vec<BillingAction> {
    vec![
        BillingAction::new(nothing, "checkout", json!({"purchase": "credits_100"})),
        BillingAction::new(pro, "checkout", json!({"purchase": "credits_100"})),
    ]
}

/// Returns the actions that cancel.
pub(crate) fn cancellations() -> Vec<BillingAction> {
    vec![
        BillingAction::new(pro, "cancel", json!({})),
        BillingAction::new(pro, "cancel", json!({"at": "now"})),
        BillingAction::new(scheduled, "cancel", json!({})),
        BillingAction::new(scheduled, "cancel", json!({"at": "now"})),
        BillingAction::new(declined, "cancel", json!({})),
    ]
}

/// Returns the actions that undo a pending change.
pub(crate) fn resumes() -> Vec<BillingAction> {
    vec![
        BillingAction::new(canceling, "resume", json!({})),
        BillingAction::new(scheduled, "resume", json!({})),
        BillingAction::new(paused, "resume", json!({})),
    ]
}

/// Returns the changes that take effect, and are charged, immediately.
pub(crate) fn upgrades() -> Vec<BillingAction> {
    let enterprise_month = json!({"plan": "enterprise", "interval": "month"});
    vec![
        BillingAction::new(pro, "change", enterprise_month.clone()),
        BillingAction::new(canceling, "change", enterprise_month.clone()),
        BillingAction::new(scheduled, "change", json!({"plan": "enterprise", "interval": "year"})),
        BillingAction::new(declined, "change", enterprise_month),
    ]
}

/// Changes at the end of the period, and their opposite.
pub(crate) fn downgrades() -> Vec<BillingAction> {
    vec![
        BillingAction::new(enterprise, "change", json!({"plan": "pro"})),
        BillingAction::new(enterprise_canceling, "change", json!({"plan": "pro"})),
        BillingAction::new(scheduled, "change", json!({"plan": "pro", "quantity": 2, "at": "period_end"})),
        BillingAction::new(scheduled, "change", json!({"plan": "enterprise", "interval": "month"})),
    ]
}

/// Returns the actions that change nothing.
pub(crate) fn reads() -> Vec<BillingAction> {
    vec![
        BillingAction::new(pro, "portal", json!({})),
        BillingAction::new(pro, "change/preview", json!({"plan": "enterprise", "interval": "month"})),
    ]
}

/// Pays the session that was opened, if one was, and delivers all events.
pub(crate) fn end(shop: &mut Shop, answer: &Value) -> ShopState {
    if let Some(session) = answer["id"].as_str() {
        shop.stripe.pay_session(session);
    }
    shop.deliver_all();
    ShopState::read(shop)
}

fn nothing(_: &mut Shop) {}

pub(crate) fn buy(shop: &mut Shop, plan: &str) {
    shop.clerk.put_user(User::new(USER).private_metadata(json!({"trial_used": true})));
    let session = open_session(shop, plan);
    shop.stripe.pay_session(&session);
    // Any one of the events leads to a full sync, so one is enough.
    shop.keep_last_event();
    shop.deliver_all();
}

fn open_session(shop: &mut Shop, plan: &str) -> String {
    let (status, answer) = shop.post("checkout", &json!({"plan": plan, "interval": "month"}));
    assert_eq!(status, 200, "{answer}\n{}", shop.trace());
    answer["id"].as_str().expect("an id").to_owned()
}

fn act(shop: &mut Shop, path: &str, body: Value, want: u16) {
    shop.pass(Duration::from_secs(60));
    let (status, answer) = shop.post(path, &body);
    assert_eq!(status, want, "{path}: {answer}\n{}", shop.trace());
}

fn pro_session(shop: &mut Shop) {
    open_session(shop, "pro");
}

fn pro(shop: &mut Shop) {
    buy(shop, "pro");
}

fn enterprise(shop: &mut Shop) {
    buy(shop, "enterprise");
}

fn canceling(shop: &mut Shop) {
    buy(shop, "pro");
    act(shop, "cancel", json!({}), 200);
}

fn enterprise_canceling(shop: &mut Shop) {
    buy(shop, "enterprise");
    act(shop, "cancel", json!({}), 200);
}

fn scheduled(shop: &mut Shop) {
    buy(shop, "enterprise");
    act(shop, "change", json!({"plan": "pro"}), 200);
}

fn ended(shop: &mut Shop) {
    buy(shop, "pro");
    act(shop, "cancel", json!({"at": "now"}), 200);
}

fn paused(shop: &mut Shop) {
    buy(shop, "pro");
    change_subscription(shop, |subscription| "paused".clone_into(&mut subscription.status));
}

/// Declines an upgrade; afterwards the card works again.
fn declined(shop: &mut Shop) {
    buy(shop, "pro");
    set_card(shop, Card::Declines);
    act(shop, "change", json!({"plan": "enterprise", "interval": "month"}), 402);
    set_card(shop, Card::Works);
}

fn change_subscription(shop: &mut Shop, change: impl FnOnce(&mut Subscription)) {
    let id = shop.stripe.account(|account| account.newest_first::<Subscription>(|_| true)[0].id.clone());
    shop.stripe.change::<Subscription>(&id, change);
}

pub(crate) fn set_card(shop: &mut Shop, card: Card) {
    let id = shop.stripe.account(|account| account.newest_first::<Customer>(|_| true)[0].id.clone());
    shop.stripe.set_card(&id, card);
}
