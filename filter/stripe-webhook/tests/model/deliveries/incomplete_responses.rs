//! Incomplete or undocumented responses of Stripe: the readable rest counts, and an unreadable part removes
//! no plan.

use crate::harness::{FakeResponse, Model, START_S, is_to, parts};
use serde_json::json;
use tollgate_core::http::Callout;
use tollgate_driver::CalloutResult;

const USER: (&str, &str) = ("clerk_user_id", "user_1");

fn model() -> Model {
    let mut model = Model::new();
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[USER]);
    model
}

/// Sells so many add-ons, then that.
fn set_prices(model: &mut Model, addons: usize, price: &str) -> usize {
    let prices: Vec<String> =
        std::iter::repeat_n("price_addon", addons).chain([price]).map(str::to_owned).collect();
    model.world.stripe.change_subscription("sub_1", |subscription| subscription.prices = prices).unwrap()
}

fn read_count(model: &Model, path: &str) -> usize {
    model.callouts.iter().filter(|callout| is_to(callout, "GET", path)).count()
}

#[test]
fn a_plan_on_the_eleventh_item_and_on_the_twentieth_is_granted() {
    for addons in [9, 10, 19, 150] {
        let mut model = model();
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_addon", &[]);
        let event = set_prices(&mut model, addons, "price_ent");
        let delivered = model.deliver(event);
        assert_eq!((delivered.response(), delivered.alarms()), ((200, "processed"), vec![]), "{addons}");
        assert_eq!(model.plan("user_1"), Some("enterprise"), "{addons}");
        assert_eq!(read_count(&model, "/v1/subscription_items") > 0, addons > 9, "{addons}");
        // A real downgrade still is one, and so is an end.
        let event = set_prices(&mut model, addons, "price_pro");
        assert_eq!(model.deliver(event).response(), (200, "processed"), "{addons}");
        assert_eq!(model.plan("user_1"), Some("pro"), "{addons}");
        let event = model.world.stripe.set_status("sub_1", "canceled").unwrap();
        assert_eq!(model.deliver(event).response(), (200, "processed"), "{addons}");
        assert_eq!(model.plan("user_1"), Some("free"), "{addons}");
    }
}

#[test]
fn the_items_of_subscriptions_that_cannot_matter_are_not_read() {
    let mut model = model();
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_addon", &[]);
    set_prices(&mut model, 15, "price_ent");
    model.world.stripe.set_status("sub_1", "canceled");
    model.world.stripe.add_subscription("sub_2", "cus_1", "price_ent", &[("clerk_org_id", "org_9")]);
    model.world.clerk.add("org_9");
    model.deliver_from(0);
    assert_eq!(read_count(&model, "/v1/subscription_items"), 0);
}

/// Returns a model in which a subscription grants the plan of its eleventh item.
fn granted_by_the_eleventh() -> Model {
    let mut model = model();
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_addon", &[]);
    let event = set_prices(&mut model, 10, "price_ent");
    model.deliver(event);
    assert_eq!(model.plan("user_1"), Some("enterprise"));
    model
}

#[test]
fn while_the_items_cannot_be_read_the_plan_stays() {
    type Fail = fn(&Callout) -> Option<CalloutResult>;
    let cases: [(&str, Fail, (u16, &str)); 3] = [
        (
            "Stripe is slow",
            |c| is_to(c, "GET", "/v1/subscription_items").then_some(CalloutResult::TimedOut),
            (503, "upstream_unavailable"),
        ),
        ("no list", |c| responds(c, "/v1/subscription_items", 200, "{}"), (503, "upstream_unavailable")),
        (
            "Stripe does not have it now",
            |c| responds(c, "/v1/subscription_items", 404, MISSING),
            (200, "processed"),
        ),
    ];
    for (why, fails, want) in cases {
        let mut model = granted_by_the_eleventh();
        model.fails = fails;
        let event =
            model.world.stripe.change_subscription("sub_1", |s| s.cancel_at_period_end = true).unwrap();
        let delivered = model.deliver(event);
        assert_eq!((delivered.response(), model.plan("user_1")), (want, Some("enterprise")), "{why}");
        assert!(want.0 == 503 || delivered.alarms() == ["items_cut"], "{why}: {:?}", delivered.alarms());
    }
}

const MISSING: &str =
    r#"{"error":{"type":"invalid_request_error","code":"resource_missing","param":"subscription"}}"#;

fn responds(callout: &Callout, path: &str, status: u16, body: &str) -> Option<CalloutResult> {
    is_to(callout, "GET", path).then(|| FakeResponse::new(status, body.to_owned()).into())
}

#[test]
fn a_list_of_items_without_end_is_read_to_a_bound_and_takes_nothing_away() {
    let mut model = granted_by_the_eleventh();
    model.fails = |callout| {
        let item = r#"{"id":"si_1","price":{"id":"price_pro","product":"prod_pro","metadata":{}}}"#;
        let body = format!(r#"{{"object":"list","has_more":true,"data":[{item}]}}"#);
        responds(callout, "/v1/subscription_items", 200, &body)
    };
    model.callouts.clear();
    let event = model.world.stripe.change_subscription("sub_1", |s| s.cancel_at_period_end = true).unwrap();
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), delivered.alarms()), ((200, "processed"), vec!["items_cut"]));
    assert_eq!(model.plan("user_1"), Some("enterprise"));
    assert!(read_count(&model, "/v1/subscription_items") <= 6, "{:#?}", delivered.sent);
}

/// Returns Stripe's response with a part replaced, if it contains that part.
fn replaced(model: &mut Model, path: &'static str, from: &str, to: &str) -> String {
    let mut world = model.world.clone();
    let callout = model.callouts.iter().rev().find(|callout| is_to(callout, "GET", path)).unwrap();
    let response = world.respond(callout);
    response.body.replace(from, to)
}

thread_local! {
    /// The bodies that Stripe answers instead of its own, by a part of the path.
    static ODD: std::cell::RefCell<Vec<(&'static str, String)>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn odd(callout: &Callout) -> Option<CalloutResult> {
    let (method, path, ..) = parts(callout);
    let path = path.split('?').next().unwrap_or_default().to_owned();
    ODD.with_borrow(|odd| {
        let body = odd.iter().find(|(known, _)| method == "GET" && path == *known)?;
        Some(FakeResponse::new(200, body.1.clone()).into())
    })
}

#[test]
fn one_unreadable_part_spoils_neither_the_subject_nor_the_plan() {
    let item = r#"{"id":"si_0","current_period_end":1,"price":null}"#;
    let invoice = r#""latest_invoice":{"id":"in_9","object":"invoice","deleted":true}"#;
    let second = |s: &str| format!(r#""price_pro","lookup_key":null,"metadata":{{}},{s}"#);
    let cases = [
        ("a deleted invoice", r#""latest_invoice":null"#, invoice.to_owned(), "pro", Some("unreadable_part")),
        (
            "an invoice that is none",
            r#""latest_invoice":null"#,
            r#""latest_invoice":7"#.into(),
            "pro",
            Some("unreadable_part"),
        ),
        (
            "an item without a price",
            r#""data":[{"id":"si_0""#,
            format!(r#""data":[{item},{{"id":"si_0""#),
            "pro",
            Some("unreadable_part"),
        ),
        (
            "a deleted product",
            r#""product":"prod_pro""#,
            r#""product":{"id":"prod_pro","deleted":true}"#.into(),
            "pro",
            None,
        ),
        (
            "no product",
            r#""price_pro","lookup_key":null,"metadata":{},"product":"prod_pro""#,
            second(r#""product":null"#),
            "pro",
            None,
        ),
        (
            "an odd discount",
            r#""cancel_at":null"#,
            r#""cancel_at":null,"discount":{"id":7},"discounts":[null,{}]"#.into(),
            "pro",
            None,
        ),
        (
            "an odd time",
            r#""cancel_at":null"#,
            r#""cancel_at":"soon""#.into(),
            "pro",
            Some("unreadable_part"),
        ),
    ];
    for (why, from, to, plan, alarm) in cases {
        // Before anything is recorded, and when it is.
        for recorded in [false, true] {
            let mut model = model();
            let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
            let mut other = model.world.clone();
            model.deliver(event);
            let paths = ["/v1/subscriptions/sub_1", "/v1/subscriptions"];
            let bodies = paths.map(|path| (path, replaced(&mut model, path, from, &to)));
            ODD.set(bodies.into());
            model.fails = odd;
            if !recorded {
                std::mem::swap(&mut model.world, &mut other);
            }
            let event = model.world.stripe.set_status("sub_1", "trialing").unwrap();
            let delivered = model.deliver(event);
            assert_eq!(delivered.response(), (200, "processed"), "{why}: {:?}", delivered.lines);
            assert_eq!(
                (model.plan("user_1"), delivered.alarms()),
                (Some(plan), alarm.into_iter().collect()),
                "{why}"
            );
        }
    }
}

#[test]
fn an_unreadable_part_neither_lowers_nor_raises_the_plan() {
    let cases = [
        ("the item that granted it", r#""price":{"id":"price_ent""#, r#""price":{"id":null"#, "enterprise"),
        (
            "its subscription",
            r#""sub_1","object":"subscription","customer":{"#,
            r#""sub_1","customer":7,"was":{"#,
            "enterprise",
        ),
        (
            "the subscription of something else",
            r#""sub_2","object":"subscription","customer":{"#,
            r#""sub_2","customer":7,"was":{"#,
            "enterprise",
        ),
    ];
    for (why, from, to, plan) in cases {
        let mut model = model();
        model.world.stripe.add_subscription("sub_1", "cus_1", "price_ent", &[]);
        let event = model.world.stripe.add_subscription("sub_2", "cus_1", "price_pro", &[]);
        model.deliver_from(0);
        let body = replaced(&mut model, "/v1/subscriptions?", from, to);
        ODD.set(vec![("/v1/subscriptions", body)]);
        model.fails = odd;
        let delivered = model.deliver(event);
        model.world.now = model.world.now.plus(std::time::Duration::from_secs(100));
        assert_eq!((delivered.status, model.plan("user_1")), (200, Some(plan)), "{why}");
        let delivered = model.deliver(event);
        assert_eq!((delivered.response(), model.plan("user_1")), ((200, "processed"), Some(plan)), "{why}");
        assert_eq!(delivered.alarms().len(), 1, "{why}: {:?}", delivered.alarms());
        assert_eq!(model.world.clerk.subjects["user_1"].customers("stripe_customers"), ["cus_1"], "{why}");
        // What was unreadable is readable again, and ends.
        model.fails = |_| None;
        let event = model.world.stripe.set_status("sub_1", "canceled").unwrap();
        assert_eq!(model.deliver(event).response(), (200, "processed"), "{why}");
        assert_eq!(model.plan("user_1"), Some("pro"), "{why}");
    }
}

#[test]
fn an_unreadable_invoice_among_the_open_ones_is_an_alarm_and_no_more() {
    let mut model = Model::configured(json!({"past_due": {"grace_days": 14}}));
    model.world.clerk.add("user_1");
    model.world.stripe.add_customer("cus_1", &[USER]);
    model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    model.deliver_from(0);
    model.world.stripe.clock_s = START_S - 60;
    let event = model.world.stripe.fail_payment("sub_1", "subscription_cycle");
    model.fails = |callout| {
        let deleted =
            r#"{"object":"list","has_more":false,"data":[{"id":"in_1","object":"invoice","deleted":true}]}"#;
        responds(callout, "/v1/invoices", 200, deleted)
    };
    let delivered = model.deliver(event);
    assert_eq!((delivered.response(), delivered.alarms()), ((200, "processed"), vec!["unreadable_part"]));
    assert_eq!(model.plan("user_1"), Some("pro"));
}

#[test]
fn a_page_that_is_not_a_list_is_retried() {
    let mut model = model();
    let event = model.world.stripe.add_subscription("sub_1", "cus_1", "price_pro", &[]);
    model.fails = |callout| responds(callout, "/v1/subscriptions?", 200, r#"{"data":{}}"#);
    assert_eq!(model.deliver(event).response(), (503, "upstream_unavailable"));
    assert_eq!(model.world.clerk.writes, 0);
}
