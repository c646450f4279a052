//! The main path with the keyboard alone.

use super::BrowserVisit;
use serde_json::Value;

/// The maximum number of times that Tab is pressed to reach an element.
const TABS_MAX: usize = 60;

/// The tag and the name of the element with the focus. The page also has links with the names of its buttons.
const FOCUSED: &str = r#"(({ tagName, labels, textContent }) =>
  `${tagName.toLowerCase()} ${(labels?.[0]?.textContent ?? textContent).trim()}`)(document.activeElement)"#;

/// Presses Tab until that element has the focus.
async fn tab_to(visit: &BrowserVisit, element: &str) {
    let mut passed = Vec::new();
    for _ in 0..TABS_MAX {
        visit.page.press("Tab").await;
        let focused = visit.page.evaluate(FOCUSED).await.unwrap_or_default();
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
    assert_eq!(page.evaluate(FOCUSED).await, Ok(Value::from("button Sign in as Ada")), "the focus stays");
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
    assert_eq!(page.evaluate(FOCUSED).await, Ok(Value::from("button Ask")), "the focus stays");

    tab_to(&visit, "button Cancel plan").await;
    page.press("Enter").await;
    page.sees("Plan", "You keep the plan until").await;
    let focused = page.evaluate(FOCUSED).await.unwrap_or_default();
    assert!(focused.as_str().is_some_and(|text| text.starts_with("div You keep the plan")), "{focused}");
    tab_to(&visit, "button Forge a webhook").await;
    page.press("Enter").await;
    page.sees("Webhooks", "400 signature_mismatch").await;
}
