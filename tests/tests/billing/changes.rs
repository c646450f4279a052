//! Tests of changes that a subscriber makes: cancel, resume, upgrade, and downgrade, also with failed
//! payments and lost responses.

use crate::shared::{Client, Shop, refusal, synced_events};
use serde_json::{Value, json};
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::model::{Card, Customer, Invoice, Subscription};
use tollgate_tests::processes::gateway::Gateway;

const USER: &str = "user_ada";

/// A user that has bought a plan with a card, without a trial.
struct Subscriber<'a> {
    gateway: &'a Gateway,
    client: Client<'a>,
    customer: String,
    subscription: String,
}

impl<'a> Subscriber<'a> {
    async fn subscribe(gateway: &'a Gateway, plan: &str) -> Self {
        gateway.clerk.put_user(User::new(USER).private_metadata(json!({"trial_used": true})));
        let client = Client::with_token(gateway, gateway.token(USER, "free"));
        let (status, session) = client.post("checkout", json!({"plan": plan, "interval": "month"})).await;
        assert_eq!(status, 200, "{session}");
        gateway.stripe.pay_session(session["id"].as_str().expect("an id"));
        synced_events(gateway).await;
        assert_eq!(gateway.clerk.plan(USER).as_deref(), Some(plan));
        let subscription = gateway.stripe.account(|account| {
            account
                .newest_first::<Subscription>(|_| true)
                .first()
                .map(|found| (found.id.clone(), found.customer.clone()))
        });
        let (subscription, customer) = subscription.expect("a subscription");
        Subscriber { gateway, client, customer, subscription }
    }

    fn at_stripe(&self) -> Subscription {
        self.gateway.stripe.get(&self.subscription)
    }

    fn price(&self) -> String {
        self.at_stripe().items[0].price.clone()
    }

    fn invoices(&self, status: &str) -> Vec<Invoice> {
        self.gateway.stripe.account(|account| {
            let found = account.newest_first::<Invoice>(|invoice| invoice.status == status);
            found.into_iter().cloned().collect()
        })
    }

    async fn post_ok(&self, path: &str, body: Value) -> Value {
        let (status, response) = self.client.post(path, body.clone()).await;
        assert_eq!(status, 200, "{path} {body}: {response}");
        response
    }

    async fn post_refused(&self, path: &str, body: Value) -> (u16, String) {
        let response = self.client.post(path, body).await;
        let (status, code) = refusal(&response);
        (status, code.to_owned())
    }

    fn plan_at_clerk(&self) -> Option<String> {
        self.gateway.clerk.plan(USER)
    }
}

fn refusal_of(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_cancellation_ends_with_the_period_and_can_be_undone() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Subscriber::subscribe(&gateway, "pro").await;
    let canceled =
        ada.post_ok("cancel", json!({"feedback": "too_expensive", "comment": "later, maybe"})).await;
    assert_eq!((&canceled["plan"], &canceled["cancel_at_period_end"]), (&json!("pro"), &json!(true)));
    assert_eq!((&canceled["pending"]["plan"], &canceled["synced"]), (&json!("free"), &json!(true)));
    assert_eq!(canceled["actions"], json!(["resume", "change", "portal"]));
    assert_eq!(
        gateway.clerk.public_metadata(USER)["subscription"]["cancel_at_period_end"],
        true,
        "already at Clerk"
    );
    assert_eq!(ada.client.get("subscription").await.1["pending"], canceled["pending"]);
    let again = ada.post_ok("cancel", json!({})).await;
    assert_eq!(again, canceled, "the second click changes nothing");
    let resumed = ada.post_ok("resume", json!({})).await;
    assert_eq!((&resumed["pending"], &resumed["cancel_at_period_end"]), (&Value::Null, &json!(false)));
    assert_eq!(ada.post_refused("resume", json!({})).await, refusal_of(409, "nothing_to_resume"));
    let ended = ada.post_ok("cancel", json!({"at": "now"})).await;
    assert_eq!((&ended["plan"], &ended["status"]), (&json!("free"), &json!("canceled")));
    assert_eq!(ada.plan_at_clerk().as_deref(), Some("free"), "Clerk already has the plan");
    assert_eq!(ended["actions"], json!(["checkout", "portal"]));
    assert_eq!(ada.post_refused("cancel", json!({})).await, refusal_of(404, "no_subscription"));
}

#[tokio::test]
async fn an_upgrade_acts_now_and_charges_what_its_preview_said() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Subscriber::subscribe(&gateway, "pro").await;
    let preview = ada.post_ok("change/preview", json!({"plan": "enterprise", "interval": "month"})).await;
    assert_eq!((&preview["effective"], &preview["currency"]), (&json!("now"), &json!("usd")));
    let due = preview["amount_due"].as_i64().expect("an amount");
    assert!(due > 0 && !preview["lines"].as_array().expect("lines").is_empty(), "{preview}");
    let body =
        json!({"plan": "enterprise", "interval": "month", "proration_date": preview["proration_date"]});
    let changed = ada.post_ok("change", body.clone()).await;
    assert_eq!((&changed["plan"], &changed["synced"]), (&json!("enterprise"), &json!(true)));
    assert_eq!(ada.plan_at_clerk().as_deref(), Some("enterprise"), "Clerk already has the plan");
    let charged: Vec<i64> = ada.invoices("paid").iter().map(|invoice| invoice.total).collect();
    assert_eq!(charged.first(), Some(&due), "{charged:?}");
    assert_eq!(ada.post_refused("change", body).await, refusal_of(409, "no_change"));
    assert_eq!(ada.invoices("paid").len(), charged.len());
}

#[tokio::test]
async fn a_downgrade_acts_at_the_end_of_the_period() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Subscriber::subscribe(&gateway, "enterprise").await;
    let preview = ada.post_ok("change/preview", json!({"plan": "pro"})).await;
    assert_eq!((&preview["effective"], &preview["proration_date"]), (&json!("period_end"), &Value::Null));
    let scheduled = ada.post_ok("change", json!({"plan": "pro"})).await;
    assert_eq!((&scheduled["plan"], &scheduled["pending"]["plan"]), (&json!("enterprise"), &json!("pro")));
    assert_eq!(scheduled["pending"]["at"], scheduled["current_period_end"]);
    assert_eq!(
        ada.post_refused("change", json!({"plan": "pro"})).await,
        refusal_of(409, "no_change"),
        "it is pending"
    );
    assert_eq!(ada.at_stripe().metadata.get("tollgate_change"), None, "the note was removed");
    // The opposite change undoes the downgrade, and so does resume.
    let back = ada.post_ok("change", json!({"plan": "enterprise", "interval": "month"})).await;
    assert_eq!((&back["plan"], &back["pending"]), (&json!("enterprise"), &Value::Null));
    ada.post_ok("change", json!({"plan": "pro"})).await;
    let resumed = ada.post_ok("resume", json!({})).await;
    assert_eq!(resumed["pending"], Value::Null);
    // A cancellation releases the schedule first.
    ada.post_ok("change", json!({"plan": "pro"})).await;
    let canceled = ada.post_ok("cancel", json!({})).await;
    assert_eq!(canceled["pending"]["plan"], "free");
    // A change undoes the cancellation.
    let changed = ada.post_ok("change", json!({"plan": "pro"})).await;
    assert_eq!(
        (&changed["pending"]["plan"], &changed["cancel_at_period_end"]),
        (&json!("pro"), &json!(false))
    );
    let end = ada.at_stripe().items[0].current_period_end;
    gateway.stripe.advance_to(end + 10);
    synced_events(&gateway).await;
    assert_eq!((ada.price().as_str(), ada.plan_at_clerk().as_deref()), ("price_123", Some("pro")));
}

#[tokio::test]
async fn a_declined_upgrade_changes_nothing_and_can_be_repeated() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Subscriber::subscribe(&gateway, "pro").await;
    let upgrade = json!({"plan": "enterprise", "interval": "month"});
    gateway.stripe.set_card(&ada.customer, Card::Declines);
    let (status, declined) = ada.client.post("change", upgrade.clone()).await;
    assert_eq!((status, &declined["code"]), (402, &json!("payment_failed")), "{declined}");
    assert!(declined["url"].as_str().is_some_and(|url| url.starts_with("http")), "{declined}");
    assert!(declined["detail"].as_str().is_some_and(|detail| detail.contains("declined")), "{declined}");
    assert_eq!((ada.price().as_str(), ada.plan_at_clerk().as_deref()), ("price_123", Some("pro")));
    gateway.stripe.set_card(&ada.customer, Card::NeedsAuthentication);
    let (status, action) = ada.client.post("change", upgrade.clone()).await;
    assert_eq!((status, &action["code"]), (402, &json!("payment_action_required")), "{action}");
    assert!(action["url"].is_string(), "{action}");
    gateway.stripe.set_card(&ada.customer, Card::Works);
    let changed = ada.post_ok("change", upgrade).await;
    assert_eq!(changed["plan"], "enterprise");
    assert_eq!(ada.invoices("open").len(), 0, "no invoice of a failed attempt is left");
}

#[tokio::test]
async fn a_schedule_that_tollgate_did_not_create_is_left_alone() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Subscriber::subscribe(&gateway, "pro").await;
    let response = reqwest::Client::new()
        .post(format!("http://{}/v1/subscription_schedules", gateway.stripe.addr()))
        .bearer_auth(gateway.stripe.key())
        .header("stripe-version", tollgate_tests::fakes::stripe::API_VERSION)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("from_subscription={}", ada.subscription))
        .send()
        .await
        .expect("a response");
    assert_eq!(response.status(), 200);
    for (path, body) in
        [("cancel", json!({})), ("change", json!({"plan": "enterprise", "interval": "month"}))]
    {
        assert_eq!(ada.post_refused(path, body).await, refusal_of(409, "change_pending"), "{path}");
    }
    assert_eq!(ada.post_refused("resume", json!({})).await, refusal_of(409, "nothing_to_resume"));
    assert_eq!(ada.client.get("subscription").await.1["actions"], json!(["portal"]));
}

#[tokio::test]
async fn a_half_created_schedule_does_not_block_a_change_or_a_cancellation() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Subscriber::subscribe(&gateway, "enterprise").await;
    let second_call = || on("POST", "/v1/subscription_schedules/").containing("phases");
    for (what, fault) in
        [("the response is lost", Fault::LoseResponse), ("the request is lost", Fault::Reset)]
    {
        gateway.stripe.faults().next(1, second_call(), fault);
        let failed = ada.post_refused("change", json!({"plan": "pro"})).await;
        assert_eq!(failed, refusal_of(503, "upstream_unavailable"), "{what}");
        let (status, _) = ada.client.post("change", json!({"plan": "pro"})).await;
        assert!(status == 200 || status == 409, "{what}: {status}");
        let shown = ada.client.get("subscription").await.1;
        assert_eq!(shown["pending"]["plan"], "pro", "{what}: a repeat completes it");
        ada.post_ok("resume", json!({})).await;
    }
    gateway.stripe.faults().next(1, second_call(), Fault::Reset);
    ada.post_refused("change", json!({"plan": "pro"})).await;
    let canceled = ada.post_ok("cancel", json!({})).await;
    assert_eq!(canceled["pending"]["plan"], "free", "an unfinished schedule does not block a cancellation");
}

#[tokio::test]
async fn a_change_whose_response_was_lost_is_not_made_twice() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Subscriber::subscribe(&gateway, "pro").await;
    let before = ada.invoices("paid").len();
    let upgrade = json!({"plan": "enterprise", "interval": "month"});
    let change = on("POST", &format!("/v1/subscriptions/{}", ada.subscription));
    gateway.stripe.faults().next(1, change, Fault::LoseResponse);
    let changed = ada.post_ok("change", upgrade.clone()).await;
    assert_eq!(changed["plan"], "enterprise", "Stripe is read again, and shows that it was done");
    assert_eq!(ada.post_refused("change", upgrade).await, refusal_of(409, "no_change"));
    assert_eq!(ada.invoices("paid").len(), before + 1, "charged once");
    // Changing back and forth works: Stripe's stored responses are not mistaken for new ones.
    for plan in ["pro", "enterprise", "pro", "enterprise"] {
        let changed = ada.post_ok("change", json!({"plan": plan, "interval": "month", "at": "now"})).await;
        assert_eq!(changed["plan"], plan);
    }
}

#[tokio::test]
async fn a_change_with_a_proration_date_outside_the_allowed_time_is_refused() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Subscriber::subscribe(&gateway, "pro").await;
    for (why, date) in [("in the future", unix_now() + 60), ("too old", unix_now() - 601)] {
        let body = json!({"plan": "enterprise", "interval": "month", "proration_date": date});
        assert_eq!(ada.post_refused("change", body).await, refusal_of(409, "preview_expired"), "{why}");
    }
    assert_eq!(ada.price(), "price_123");
}

#[tokio::test]
async fn after_a_failed_renewal_only_the_portal_is_offered() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Subscriber::subscribe(&gateway, "pro").await;
    gateway.stripe.change::<Subscription>(&ada.subscription, |subscription| {
        subscription.status = "past_due".to_owned()
    });
    let shown = ada.client.get("subscription").await.1;
    assert_eq!((&shown["status"], &shown["actions"]), (&json!("past_due"), &json!(["portal"])), "{shown}");
    let upgrade = json!({"plan": "enterprise", "interval": "month"});
    assert_eq!(ada.post_refused("change", upgrade.clone()).await, refusal_of(409, "action_unavailable"));
    let second = ada.client.post("checkout", upgrade).await;
    assert_eq!(refusal(&second), (409, "already_subscribed"));
    assert_eq!(
        (&second.1["subscription_status"], &second.1["actions"]),
        (&json!("past_due"), &json!(["portal"]))
    );
}

#[tokio::test]
async fn the_portal_opens_only_for_the_users_own_customer() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Subscriber::subscribe(&gateway, "pro").await;
    for body in
        [json!({}), json!({"flow": "payment_method"}), json!({"flow": "cancel"}), json!({"flow": "change"})]
    {
        let opened = ada.post_ok("portal", body.clone()).await;
        let url = opened["url"].as_str().unwrap_or_else(|| panic!("{body}: {opened}"));
        assert!(url.starts_with("http"), "{body}");
        assert!(!gateway.envoy.log().contains(url), "the URL is never logged");
    }
    let bob = Client::user(&gateway, "user_bob");
    assert_eq!(refusal(&bob.post("portal", json!({})).await), (404, "no_customer"));
    assert_eq!(refusal(&bob.post("portal", json!({"flow": "cancel"})).await), (404, "no_subscription"));
}

/// Stores a subscription of another customer that only a `client_reference_id` links to Bob, and returns Bob.
fn linked_to_another_payer<'a>(gateway: &'a Gateway, price: &str) -> Client<'a> {
    gateway.stripe.put(Customer::new("cus_payer"));
    let noted = Subscription::new("sub_link", "cus_payer")
        .item(price)
        .metadata("tollgate_owner", "user_bob")
        .metadata("tollgate_owner_from", "client_reference_id");
    gateway.stripe.put(noted);
    let private = json!({"stripe_customers": {"cus_payer": true}});
    gateway.clerk.put_user(User::new("user_bob").private_metadata(private));
    Client::with_token(gateway, gateway.token("user_bob", "free"))
}

#[tokio::test]
async fn a_subscription_that_only_a_client_reference_id_links_cannot_be_changed() {
    let Shop { gateway, .. } = Shop::start().await;
    let bob = linked_to_another_payer(&gateway, "price_123");
    for path in ["cancel", "resume"] {
        assert_eq!(refusal(&bob.post(path, json!({})).await), (404, "no_subscription"), "{path}");
    }
    assert_eq!(refusal(&bob.post("portal", json!({})).await), (404, "no_customer"));
    assert_eq!(refusal(&bob.post("checkout", json!({"plan": "pro"})).await), (409, "already_subscribed"));
    let (status, session) = bob.post("checkout", json!({"plan": "enterprise", "interval": "month"})).await;
    assert_eq!(status, 200, "a higher plan can be bought: {session}");
}

#[tokio::test]
async fn a_plan_that_another_payer_gave_is_not_offered_for_sale() {
    let Shop { gateway, .. } = Shop::start().await;
    let bob = linked_to_another_payer(&gateway, "price_ent");
    let shown = bob.get("subscription").await.1;
    assert_eq!((&shown["plan"], &shown["actions"]), (&json!("enterprise"), &json!([])), "{shown}");
}

#[tokio::test]
async fn a_paused_subscription_resumes_once_its_invoice_is_paid() {
    let Shop { gateway, .. } = Shop::start().await;
    let ada = Subscriber::subscribe(&gateway, "pro").await;
    gateway
        .stripe
        .change::<Subscription>(&ada.subscription, |subscription| subscription.status = "paused".to_owned());
    let shown = ada.client.get("subscription").await.1;
    assert_eq!(
        (&shown["status"], &shown["actions"]),
        (&json!("paused"), &json!(["resume", "portal"])),
        "{shown}"
    );
    gateway.stripe.set_card(&ada.customer, Card::Declines);
    let (status, declined) = ada.client.post("resume", json!({})).await;
    assert_eq!((status, &declined["code"]), (402, &json!("payment_failed")), "{declined}");
    assert!(declined["url"].is_string(), "{declined}");
    gateway.stripe.set_card(&ada.customer, Card::Works);
    let resumed = ada.post_ok("resume", json!({})).await;
    assert_eq!(resumed["status"], "active");
}
