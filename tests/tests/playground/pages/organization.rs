//! An organization's plan: its admin buys and changes it, and all its members have it.

use super::BrowserVisit;

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_buys_for_all_members_of_an_organization() {
    let visit = BrowserVisit::start().await;
    let page = &visit.page;
    visit.sign_in("Ada for Example Labs").await;
    visit.buy_pro().await;
    page.sees("Audit", "created org_labs no plan → pro").await;
    page.click("button", "Upgrade to team").await;
    page.sees("Plan", "Pay $70 now for team").await;
    page.click("button", "Confirm the change").await;
    page.sees("Plan", "You have changed to team.").await;
    page.sees("Audit", "upgraded org_labs pro → team").await;
    page.click("button", "Change to pro").await;
    page.sees("Plan", "for pro").await;
    page.click("button", "Confirm the change").await;
    page.sees("Plan", "You change to pro on").await;
    page.find("button", "Resume plan").await;

    visit.sign_in("Bob for Example Labs").await;
    page.sees("Plan", "Only an admin of the organization manages its plan.").await;
    page.sees("Usage", "asks: unlimited").await;
    assert!(page.all("button", Some("Cancel plan")).await.is_empty());
    visit.sign_in("Bob").await;
    page.sees("Usage", "0 of 5 asks used today").await;
    visit.require_no_errors(&[403]);
}
