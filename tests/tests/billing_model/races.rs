//! Tests of requests from several tabs, and of requests concurrent with events.

use crate::harness::actions::{BillingAction, checkouts};
use crate::harness::{Fate, Response, RunningRequest, Shop, ShopState, USER, check_invariants};
use serde_json::{Value, json};
use tollgate_tests::fakes::stripe::model::{Customer, Subscription};

/// More callouts than a checkout makes.
const CALLOUTS: usize = 16;

/// Runs requests in parallel: each in turn gets the result of one callout. Returns their responses.
fn in_parallel(shop: &mut Shop, mut running: Vec<RunningRequest>) -> Vec<Response> {
    let mut responses = Vec::new();
    while !running.is_empty() {
        if shop.in_flight() > 0 {
            shop.finish_callout(0, Fate::Responded);
        }
        running.retain(|request| match shop.response(*request) {
            Some(response) => {
                responses.push(response);
                false
            }
            None => true,
        });
    }
    responses
}

/// Pays the session of a response if it is open. Returns whether it was.
fn pay(shop: &Shop, response: &Value) -> bool {
    let id = response["id"].as_str().expect("an id");
    shop.stripe.pay_session_with(id, Default::default()).is_ok()
}

fn first_checkout() -> BillingAction {
    checkouts().swap_remove(0)
}

#[test]
fn twenty_first_checkouts_on_two_gateways_make_one_customer() {
    let (action, mut shop) = (first_checkout(), Shop::open());
    let clicks = (0..20).map(|worker| shop.begin(worker, action.path, Some(&action.body))).collect();
    let responses = in_parallel(&mut shop, clicks);
    assert!(responses.iter().all(|(status, _)| *status == 200), "{}", shop.trace());
    let state = ShopState::read(&shop);
    assert_eq!((state.customers, state.sessions.len()), (1, 1), "{}", shop.trace());
}

/// Opens a checkout of one plan, and one of another while the first one waits for the response to its callout
/// of that number. Returns the responses.
fn two_tabs(shop: &mut Shop, waits_at: usize) -> [Response; 2] {
    let first = shop.begin(0, "checkout", Some(&json!({"plan": "pro"})));
    for _ in 0..waits_at {
        if shop.in_flight() > 0 {
            shop.finish_callout(0, Fate::Responded);
        }
    }
    if shop.in_flight() > 0 {
        shop.perform(0, Fate::Responded);
    }
    let second = shop.begin(2, "checkout", Some(&json!({"plan": "enterprise", "interval": "month"})));
    let second = shop.run(second, |_| Fate::Responded);
    [shop.run(first, |_| Fate::Responded), second]
}

#[test]
fn two_tabs_with_two_plans_sell_one() {
    for waits_at in 0..CALLOUTS {
        let mut shop = Shop::open();
        let responses = two_tabs(&mut shop, waits_at);
        let is_first_paid = responses[0].0 == 200 && pay(&shop, &responses[0].1);
        // The event of the first payment expires the session of the other tab.
        shop.deliver_all();
        let is_second_paid = responses[1].0 == 200 && pay(&shop, &responses[1].1);
        shop.deliver_all();
        let trace = shop.trace();
        assert!(is_first_paid != is_second_paid, "{trace}\n{waits_at}: {responses:?}");
        check_invariants(&shop).unwrap_or_else(|why| panic!("{trace}\n{waits_at}: {why}"));
        assert!(!shop.alarms.contains("double_subscription"), "{trace}\n{waits_at}");
    }
}

#[test]
fn only_one_session_of_two_tabs_with_two_plans_can_be_paid() {
    for waits_at in 0..CALLOUTS {
        let mut shop = Shop::open();
        let responses = two_tabs(&mut shop, waits_at);
        let paid = responses.iter().filter(|(status, body)| *status == 200 && pay(&shop, body)).count();
        shop.deliver_all();
        let trace = shop.trace();
        assert_eq!(paid, 1, "{trace}\n{waits_at}: {responses:?}");
        assert!(!shop.alarms.contains("double_subscription"), "{trace}\n{waits_at}");
        check_invariants(&shop).unwrap_or_else(|why| panic!("{trace}\n{waits_at}: {why}"));
    }
}

/// Pays, and delivers the events of the payment, at each callout of a checkout in another tab.
#[test]
fn a_second_plan_sold_during_a_payment_raises_an_alarm() {
    let enterprise = json!({"plan": "enterprise", "interval": "month"});
    for paid_at in 0..CALLOUTS {
        let mut shop = Shop::open();
        let (status, body) = shop.post("checkout", &json!({"plan": "pro"}));
        assert_eq!(status, 200, "{body}");
        let running = shop.begin(2, "checkout", Some(&enterprise));
        for _ in 0..paid_at {
            if shop.in_flight() > 0 {
                shop.finish_callout(0, Fate::Responded);
            }
        }
        let is_paid = shop.stripe.pay_session_with(body["id"].as_str().expect("an id"), Default::default());
        shop.deliver_all();
        let (status, second) = shop.run(running, |_| Fate::Responded);
        let is_second_paid = status == 200 && pay(&shop, &second);
        shop.deliver_all();
        let why = format!("{paid_at}: {is_paid:?}, {status} {second}");
        let is_alarmed = shop.alarms.contains("double_subscription");
        assert_eq!(is_alarmed, is_paid.is_ok() && is_second_paid, "{}\n{why}", shop.trace());
        check_invariants(&shop).unwrap_or_else(|wrong| panic!("{}\n{why}: {wrong}", shop.trace()));
    }
}

/// Creates a subscription directly at Stripe at each callout of a checkout.
#[test]
fn a_second_subscription_created_during_a_checkout_raises_an_alarm() {
    let mut alarmed = 0;
    for created_at in 0..CALLOUTS {
        let mut shop = Shop::open();
        let (status, body) = shop.post("checkout", &json!({"plan": "pro"}));
        assert_eq!(status, 200, "{body}");
        let customer = shop.stripe.account(|account| {
            account.newest_first::<Customer>(|_| true).first().expect("a customer").id.clone()
        });
        let running = shop.begin(2, "checkout", Some(&json!({"plan": "enterprise", "interval": "month"})));
        for _ in 0..created_at {
            if shop.in_flight() > 0 {
                shop.finish_callout(0, Fate::Responded);
            }
        }
        let created =
            Subscription::new("sub_seller", &customer).item("price_pro").metadata("clerk_user_id", USER);
        shop.stripe.put(created);
        let (status, second) = shop.run(running, |_| Fate::Responded);
        let is_second_paid = status == 200 && pay(&shop, &second);
        shop.deliver_all();
        let is_alarmed = shop.alarms.contains("double_subscription");
        assert_eq!(is_alarmed, is_second_paid, "{}\n{created_at}: {status} {second}", shop.trace());
        alarmed += usize::from(is_alarmed);
    }
    assert!(alarmed > 0, "the race is possible");
}
