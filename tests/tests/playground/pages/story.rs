//! The suggested path, from signing in to a plan that was canceled and resumed.

use super::BrowserVisit;
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86400;
/// The free plan's limit in the shipped configuration.
const FREE_A_DAY: usize = 5;

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
    for asked in 1..=FREE_A_DAY {
        page.click("button", "Ask").await;
        if asked == 1 {
            let streams = async || {
                let busy = visit.is("region", "Answer", "busy").await?;
                (busy && visit.is("button", "Ask", "disabled").await?).then_some(())
            };
            page.until("an answer that streams, and no second one", streams).await;
        }
        visit.answered().await;
        page.sees("Usage", &format!("{asked} of {FREE_A_DAY} asks used today")).await;
    }
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
