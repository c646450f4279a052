//! The suggested path, from signing in to a plan that was canceled and resumed.

use super::BrowserVisit;
use serde_json::Value;
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86400;
/// The free plan's limit in the shipped configuration.
const FREE_A_DAY: usize = 5;

/// Lets the page note, as `streamed`, whether a part of an answer was shown while it was marked as incomplete and no
/// second question could be asked. A slow machine sees of this only the end.
const NOTE_STREAM: &str = r#"(() => {
  const [answer, ask] = ["answer", "ask-button"].map((id) => document.getElementById(id));
  const streams = () => answer.ariaBusy === "true" && ask.disabled && answer.textContent !== "";
  new MutationObserver(() => window.streamed ||= streams()).observe(answer, { childList: true, subtree: true });
})()"#;

#[tokio::test(flavor = "multi_thread")]
async fn ask_until_refused_pay_ask_again_cancel_and_resume() {
    within_one_window(DAY_S).await;
    let visit = BrowserVisit::start().await;
    let page = &visit.page;
    visit.ask().await;
    page.sees("Answer", "Please sign in first.").await;

    visit.sign_in("Ada").await;
    page.sees("Plan", "Nothing is bought yet.").await;
    page.fill("Question", "Should we sell this?").await;
    page.evaluate(NOTE_STREAM).await.expect("an observer");
    for asked in 1..=FREE_A_DAY {
        visit.ask().await;
        page.sees("Usage", &format!("{asked} of {FREE_A_DAY} asks used today")).await;
    }
    assert_eq!(page.evaluate("window.streamed").await, Ok(Value::Bool(true)));
    visit.ask().await;
    page.sees("Answer", "You have used all 5 asks today. You can go on in").await;
    page.find("link", "See the plans").await;
    page.sees("Requests", "429 POST /ask").await;
    visit.write_screenshot("refused", "body").await;
    page.click("button", "Open the reports").await;
    page.sees("Answer", "This is included in pro.").await;

    visit.buy_pro().await;
    page.sees("Usage", "0 of 100 asks used this month").await;
    page.sees("Webhooks", "200 processed · delivered by Stripe").await;
    page.sees("Clerk’s record", r#""plan":"pro""#).await;
    page.sees("Audit", "created user_ada no plan → pro").await;
    visit.ask().await;
    page.sees("Usage", "1 of 100 asks used this month").await;
    visit.write_screenshot("paid", "#ask").await;
    page.click("button", "Open the reports").await;
    page.sees("Answer", "Your reports: 2026-10, 2026-11").await;
    page.click("DisclosureTriangle", "Invoices").await;
    page.sees("Plan", "$20, paid").await;

    page.click("button", "Cancel plan").await;
    page.sees("Plan", "You keep the plan until").await;
    page.sees("Plan", ", then free.").await;
    page.click("button", "Resume plan").await;
    page.sees("Plan", "Renews on").await;
    page.find("button", "Cancel plan").await;
    visit.require_no_errors(&[401, 403, 429]);
}
