//! The main path with the keyboard alone.

use super::BrowserVisit;

/// The maximum number of times that Tab is pressed to reach an element.
const TABS_MAX: usize = 60;

/// The tag and the name of the element with the focus. The page also has links with the names of its buttons.
const FOCUSED: &str = r#"(({ tagName, ariaLabel, labels, textContent }) =>
  `${tagName.toLowerCase()} ${(ariaLabel ?? labels?.[0]?.textContent ?? textContent).trim()}`)(document.activeElement)"#;

/// Presses Tab until that element has the focus.
async fn tab_to(visit: &BrowserVisit, element: &str) {
    let mut passed = Vec::new();
    for _ in 0..TABS_MAX {
        visit.page.press("Tab").await;
        let focused = focused(visit).await;
        if focused == element {
            return;
        }
        passed.push(focused);
    }
    panic!("{element} was not reached: {passed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_path_needs_no_mouse() {
    let visit = BrowserVisit::start().await;
    let page = &visit.page;
    page.find("button", "Sign in as Ada").await;
    tab_to(&visit, "button Sign in as Ada").await;
    page.press("Enter").await;
    page.sees("Usage", "0 of 5").await;
    assert_eq!(focused(&visit).await, "button Sign in as Ada", "the focus stays");
    tab_to(&visit, "input Question").await;
    page.press("Enter").await;
    page.sees("Usage", "1 of 5").await;
    visit.answered().await;

    page.find("button", "Upgrade to pro").await;
    tab_to(&visit, "button Upgrade to pro").await;
    page.press("Enter").await;
    page.find("button", "Pay").await;
    tab_to(&visit, "button Pay").await;
    page.press("Enter").await;
    page.sees("Plan", "You are on pro now.").await;
    tab_to(&visit, "button Ask").await;
    page.press("Enter").await;
    page.sees("Usage", "1 of 100").await;
    visit.answered().await;
    assert_eq!(focused(&visit).await, "button Ask", "the focus stays");

    tab_to(&visit, "button Upgrade to team").await;
    page.press("Enter").await;
    page.sees("Plan", "Pay $70 now for team").await;
    assert_eq!(
        focused(&visit).await,
        "section Change to team",
        "a screen reader reads what the change costs"
    );
    tab_to(&visit, "button Keep my plan").await;
    page.press("Enter").await;
    page.sees("Plan", "You keep your plan.").await;
    assert_eq!(focused(&visit).await, "div You keep your plan.");

    tab_to(&visit, "button Cancel plan").await;
    page.press("Enter").await;
    page.sees("Plan", "You keep the plan until").await;
    let cancellation = focused(&visit).await;
    assert!(cancellation.starts_with("div You keep the plan until"), "{cancellation}");
    tab_to(&visit, "button Forge a webhook").await;
    page.press("Enter").await;
    page.sees("Webhooks", "400 signature_mismatch").await;
    let stays = async || (focused(&visit).await == "button Forge a webhook").then_some(());
    page.until("the focus on the button that was pressed", stays).await;
}

/// Returns the tag and the name of the element with the focus.
async fn focused(visit: &BrowserVisit) -> String {
    let focused = visit.page.evaluate(FOCUSED).await.unwrap_or_default();
    focused.as_str().unwrap_or_default().to_owned()
}
