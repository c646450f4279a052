//! What failed is shown until something succeeds, and only to whom it concerns.

use super::BrowserVisit;
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86400;

/// Holds each request for a token of Ada's until `release()` is called, as a slow connection does.
const HOLD_TOKENS_OF_ADA: &str = r#"(() => {
  const [send, held] = [window.fetch, []];
  window.fetch = (url, options) => options?.body?.includes("user_ada")
    ? new Promise((resolve) => held.push(() => resolve(send(url, options))))
    : send(url, options);
  window.release = () => held.forEach((release) => release());
})()"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_shown_until_the_next_success() {
    let visit = BrowserVisit::start().await;
    within_one_window(DAY_S).await;
    let page = &visit.page;
    visit.sign_in("Ada").await;
    page.click("button", "Open the reports").await;
    page.sees("Answer", "This is included in pro.").await;
    page.click("button", "Take Clerk down").await;
    page.sees("Failures", "Clerk is down until").await;
    page.click("button", "Sign in as Bob").await;
    page.sees("Plan", "Clerk does not respond.").await;
    assert_eq!(page.text("Answer").await, "", "a refusal of Ada's");
    assert!(page.text("Usage").await.contains("Not known yet."), "nothing of Ada's");

    page.sees("Failures", "Clerk is back.").await;
    visit.ask().await;
    page.sees("Usage", "1 of 5").await;
    page.sees("Plan", "Nothing is bought yet.").await;
    assert!(!page.text("Plan").await.contains("Clerk does not respond."), "it has responded since");
    visit.require_no_errors(&[403, 503]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_who_signed_in_last_asks() {
    let visit = BrowserVisit::start().await;
    within_one_window(DAY_S).await;
    let page = &visit.page;
    page.evaluate(HOLD_TOKENS_OF_ADA).await.expect("a script");
    page.click("button", "Sign in as Ada").await;
    visit.sign_in("Bob").await;
    page.evaluate("release()").await.expect("a script");
    visit.ask().await;
    page.sees("Requests", "allowed · user_bob").await;
    page.sees("Usage", "1 of 5").await;
    assert!(!page.text("Requests").await.contains("user_ada"), "she has signed in before Bob");
    visit.require_no_errors(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_while_clerk_is_down_counts_once_it_is_back() {
    let visit = BrowserVisit::start().await;
    let page = &visit.page;
    visit.sign_in("Ada").await;
    page.click("button", "Upgrade to pro").await;
    page.find("button", "Pay").await;
    visit.take_clerk_down().await;
    page.click("button", "Pay").await;
    page.sees("Plan", "You are on pro now.").await;
    page.sees("Webhooks", "200 processed · retry").await;
    visit.require_no_errors(&[503]);
}
