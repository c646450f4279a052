//! Webhooks that are doubled, late, out of order, or forged change no plan.

use super::BrowserVisit;
use serde_json::Value;
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86400;

#[tokio::test(flavor = "multi_thread")]
async fn doubled_late_and_forged_webhooks_change_nothing() {
    let visit = BrowserVisit::start().await;
    let page = &visit.page;
    page.click("button", "Deliver again").await;
    page.sees("Webhooks", "There is no event yet: buy a plan first.").await;
    visit.sign_in("Bob").await;
    visit.buy_pro().await;
    // The page shows the plan and the audit line in any order.
    page.sees("Audit", "created user_bob no plan → pro").await;
    page.sees("Webhooks", "checkout.session.completed").await;
    let audit = page.text("Audit").await;

    let buttons = [
        ("Deliver again", "200 already_received · delivered again"),
        ("Deliver late", "400 timestamp_outside_tolerance · delivered late"),
        ("Deliver out of order", "200 already_received · out of order"),
        ("Forge a webhook", "400 signature_mismatch · forged"),
    ];
    for (button, attempt) in buttons {
        page.click("button", button).await;
        page.sees("Webhooks", attempt).await;
    }
    let both = "[...document.querySelectorAll('[data-action=out-of-order] ~ output .line')].map((line) => line.innerText)";
    let both = visit.list(both).await;
    let is_received = |line: &Value| line.as_str().is_some_and(|line| line.starts_with("200 "));
    assert!(both.len() == 2 && both.iter().all(is_received) && both[0] != both[1], "{both:?}");
    page.sees("Webhooks", "Nothing has changed at Clerk.").await;
    assert_eq!(page.text("Audit").await, audit, "no change");
    page.click("button", "Sign in as Bob").await;
    page.sees("Plan", "Pro active").await;
    visit.require_no_errors(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_go_on_while_clerk_is_down() {
    let visit = BrowserVisit::start().await;
    let page = &visit.page;
    visit.sign_in("Ada").await;
    page.click("button", "Take Clerk down").await;
    page.sees("Failures", "Clerk is down until").await;
    visit.ask().await;
    page.sees("Usage", "1 of 5 asks used today").await;
    // Once more, because the first ten seconds may be over.
    page.click("button", "Take Clerk down").await;
    page.click("button", "Sign in as Bob").await;
    page.sees("Plan", "Clerk does not respond.").await;
    visit.require_no_errors(&[503]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_a_worker_is_explained() {
    let visit = BrowserVisit::start().await;
    within_one_window(DAY_S).await;
    let page = &visit.page;
    visit.sign_in("Ada").await;
    visit.ask().await;
    page.click("button", "Crash a worker").await;
    let outcome = "503 That request failed, Envoy has replaced the VM that crashed, and the count has survived: 1 asks \
                   before, 1 after.";
    page.sees("Failures", outcome).await;
    visit.ask().await;
    page.sees("Usage", "2 of 5").await;
    visit.require_no_errors(&[]);
}
