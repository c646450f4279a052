//! The table of refusals on the page about the billing endpoints: it has each code with the status that the
//! filter sends.

use crate::billing::{USER, pay, shop};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::fakes::stripe::model::{Card, Subscription};
use tollgate_tests::install::workspace;
use tollgate_tests::processes::gateway::Gateway;

/// Rows that need a setting or a state of their own; `tests/tests/billing` has those of the endpoints.
const ELSEWHERE: [(u16, &str); 7] = [
    (403, "organization_required"),
    (403, "not_allowed_for_organization"),
    (409, "action_unavailable"),
    (409, "change_pending"),
    (500, "internal_error"),
    (503, "overloaded"),
    (503, "keys_unavailable"),
];

/// Returns the status and the code of each refusal on the page.
fn documented() -> BTreeSet<(u16, String)> {
    let page = workspace::text("docs/billing.md");
    let (_, section) = page.split_once("## Refusals").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("the next section");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let mut found = BTreeSet::new();
    for (statuses, cell) in rows {
        let statuses: Vec<u16> = statuses.split(", ").filter_map(|status| status.parse().ok()).collect();
        // What is in parentheses, or after `with`, are members.
        let plain: String =
            cell.split('(').map(|part| part.rsplit_once(')').map_or(part, |(_, after)| after)).collect();
        let plain = plain.split(", with").next().unwrap_or_default();
        let codes: Vec<&str> = plain.split('`').skip(1).step_by(2).collect();
        for (index, code) in codes.iter().enumerate() {
            let status = if statuses.len() == codes.len() { statuses.get(index) } else { statuses.first() };
            found.extend(status.map(|status| (*status, (*code).to_owned())));
        }
    }
    found
}

/// A client of the endpoints, and the refusals that it got.
struct Buyer<'a> {
    gateway: &'a Gateway,
    user: &'a str,
    got: BTreeSet<(u16, String)>,
}

impl Buyer<'_> {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.gateway.request(method, &format!("/billing/{path}"));
        request.bearer_auth(self.gateway.token(self.user, "free"))
    }

    async fn send(&mut self, request: RequestBuilder) -> Value {
        let response = request.send().await.expect("a response");
        let status = response.status().as_u16();
        let body: Value = response.json().await.expect("JSON");
        let code = body["code"].as_str().map(str::to_owned);
        self.got.extend(code.map(|code| (status, code)));
        body
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        let request = self.request(Method::POST, path).json(&body);
        self.send(request).await
    }
}

/// Sends requests that are refused because of their content.
async fn malformed(buyer: &mut Buyer<'_>) {
    for body in [
        json!({"plan": "pro", "price": "price_pro"}),
        json!({"plan": "gold"}),
        json!({"purchase": "gold"}),
        json!({"plan": "free"}),
        json!({"plan": "enterprise"}),
        json!({"plan": "pro", "success_url": "https://evil.example.com"}),
    ] {
        buyer.post("checkout", body).await;
    }
    let machine = buyer.gateway.get("/billing/subscription").bearer_auth("mt_1234567890");
    let cookie = buyer.gateway.request(Method::POST, "/billing/cancel").json(&json!({}));
    let cookie = cookie.header("cookie", format!("__session={}", buyer.gateway.token(buyer.user, "free")));
    let large = buyer.request(Method::POST, "checkout").json(&json!({"plan": "x".repeat(17 << 10)}));
    let text = buyer.request(Method::POST, "checkout").header("content-type", "text/plain").body("{}");
    let requests = [buyer.request(Method::GET, "none"), buyer.request(Method::GET, "checkout")];
    for request in requests.into_iter().chain([machine, cookie, large, text]) {
        buyer.send(request).await;
    }
    buyer.post("portal", json!({})).await;
    buyer.post("cancel", json!({})).await;
}

/// Buys a plan, and sends requests that are refused because of it, or because a card or a service fails.
async fn subscribed(buyer: &mut Buyer<'_>) {
    let stripe = &buyer.gateway.stripe;
    let session = buyer.post("checkout", json!({"plan": "pro"})).await;
    pay(buyer.gateway, &session).await;
    buyer.post("checkout", json!({"plan": "pro"})).await;
    buyer.post("resume", json!({})).await;
    buyer.post("change", json!({"plan": "pro"})).await;
    let upgrade = json!({"plan": "enterprise", "interval": "month"});
    let mut late = upgrade.clone();
    late["proration_date"] = json!(1);
    buyer.post("change", late).await;
    let customer = stripe.account(|account| {
        account.newest_first::<Subscription>(|_| true).first().map(|found| found.customer.clone())
    });
    let customer = customer.expect("a subscription");
    for card in [Card::Declines, Card::NeedsAuthentication] {
        stripe.set_card(&customer, card);
        buyer.post("change", upgrade.clone()).await;
    }
    for status in [400, 401, 500] {
        let body = json!({"error": {"type": "invalid_request_error"}});
        stripe.faults().next(1, on("POST", "/v1/billing_portal"), Fault::status(status, &body));
        buyer.post("portal", json!({})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refusals_of_the_billing_page_are_those_of_the_filter() {
    let gateway = shop().await;
    let mut buyer = Buyer { gateway: &gateway, user: USER, got: BTreeSet::new() };
    malformed(&mut buyer).await;
    subscribed(&mut buyer).await;
    gateway.clerk.put_user(User::new("user_2"));
    buyer.user = "user_2";
    for _ in 0..61 {
        buyer.post("resume", json!({})).await;
    }
    let elsewhere = ELSEWHERE.map(|(status, code)| (status, code.to_owned()));
    let want: BTreeSet<_> = buyer.got.into_iter().chain(elsewhere).collect();
    assert_eq!(documented(), want);
}
