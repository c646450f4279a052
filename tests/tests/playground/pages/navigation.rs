//! What people do to pages: reload, go back, open two tabs, and end the playground while a page is open.

use super::BrowserVisit;
use serde_json::json;
use tollgate_tests::processes::browser::WebPage;
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86400;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_the_back_button_shows_again_is_up_to_date() {
    let visit = BrowserVisit::start().await;
    let page = &visit.page;
    visit.sign_in("Ada").await;
    page.click("button", "Upgrade to pro").await;
    page.find("button", "Pay").await;
    go_back(page).await;
    page.sees("Plan", "Nothing is bought yet.").await;
    visit.buy_pro().await;
    // To the page of Stripe, and from there to the first one.
    go_back(page).await;
    page.until("the page of Stripe", async || page.text("Plan").await.is_empty().then_some(())).await;
    go_back(page).await;
    page.sees("Plan", "Pro active").await;
    visit.require_no_errors(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_during_an_answer_keeps_the_person_and_the_count() {
    let visit = BrowserVisit::start().await;
    within_one_window(DAY_S).await;
    let page = &visit.page;
    visit.sign_in("Ada").await;
    page.click("button", "Ask").await;
    page.sees("Usage", "1 of 5").await;
    // The page may be left before the result is there.
    let _ = page.evaluate("window.isOld = true, location.reload()").await;
    let is_new =
        async || (page.evaluate("window.isOld === undefined").await == Ok(json!(true))).then_some(());
    page.until("the page again", is_new).await;
    page.sees("Account", "signed in as Ada").await;
    page.sees("Usage", "1 of 5").await;
    visit.ask().await;
    page.sees("Usage", "2 of 5").await;
    visit.require_no_errors(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_in_one_tab_is_seen_in_the_other() {
    let visit = BrowserVisit::start().await;
    let other = visit.open_tab().await;
    other.click("button", "Sign in as Ada").await;
    other.sees("Plan", "Nothing is bought yet.").await;
    visit.sign_in("Ada").await;
    visit.buy_pro().await;
    other.sees("Plan", "Pro active").await;
    other.sees("Usage", "0 of 100 asks used this month").await;
    other.click("button", "Open the reports").await;
    other.sees("Answer", "Your reports: 2026-10, 2026-11").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_that_the_playground_has_ended() {
    let visit = BrowserVisit::start().await;
    visit.sign_in("Ada").await;
    visit.page.click("button", "Ask").await;
    visit.page.sees("Usage", "1 of 5").await;
    let page = visit.end_playground().await;
    for (button, region) in [("Ask", "Answer"), ("Sign in as Bob", "Plan"), ("Forge a webhook", "Webhooks")] {
        page.click("button", button).await;
        page.sees(region, "does not respond. Is").await;
    }
    let states = "[document.getElementById('connection').textContent.slice(0, 22), document.querySelectorAll(':disabled').length]";
    let states = page.evaluate(states).await;
    assert_eq!(states, Ok(json!(["the connection is lost", 0])), "all buttons can be pressed again");
}

async fn go_back(page: &WebPage) {
    // The page may be left before the result is there.
    let _ = page.evaluate("history.back()").await;
}
