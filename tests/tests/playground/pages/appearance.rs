//! How the pages look: light and dark, with enough contrast, on a phone, and for assistive technology.

use super::BrowserVisit;
use serde_json::Value;

/// The width of the smallest phones, in CSS pixels (<https://www.w3.org/TR/WCAG22/#reflow>).
const PHONE_WIDTH: u32 = 320;

/// Lists the texts whose contrast is below 4.5:1 (<https://www.w3.org/TR/WCAG22/#contrast-minimum>), and the ratios.
const LOW_CONTRASTS: &str = r#"(() => {
  const numbers = (color) => color.match(/[\d.]+/g).map(Number);
  const linear = (channel) => channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const background = (element) => {
    const color = numbers(getComputedStyle(element).backgroundColor);
    return color[3] === 0 ? background(element.parentElement) : color;
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
  const shown = [...document.querySelectorAll("body *:not(svg *)")].filter((e) => e.checkVisibility() && hasText(e));
  return shown.map((element) => {
    const [text, behind] = [numbers(getComputedStyle(element).color), background(element)].map(luminance);
    const ratio = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
    return [ratio, element.textContent];
  }).filter(([ratio]) => ratio < 4.5);
})()"#;

/// Lists the elements that make the page scroll horizontally.
const TOO_WIDE: &str = r#"(() => {
  const { clientWidth, scrollWidth } = document.documentElement;
  const elements = scrollWidth > clientWidth ? [...document.querySelectorAll("body *")] : [];
  return elements.filter((e) => e.getBoundingClientRect().right > clientWidth).map((e) => e.outerHTML.slice(0, 200));
})()"#;

#[tokio::test(flavor = "multi_thread")]
async fn pages_can_be_read_in_light_in_dark_and_on_a_phone() {
    let visit = BrowserVisit::start().await;
    let page = &visit.page;
    for region in ["Plan", "Usage", "Answer", "Webhooks", "Audit", "Requests"] {
        page.find("region", region).await;
    }
    visit.sign_in("Ada").await;
    visit.ask().await;
    page.click("button", "Open the reports").await;
    page.sees("Answer", "This is included in pro.").await;
    page.click("button", "Forge a webhook").await;
    page.sees("Webhooks", "400 signature_mismatch · forged").await;

    require_readable(&visit, "").await;
    for role in ["button", "textbox", "combobox", "link", "region", "meter"] {
        let elements = page.all(role, None).await;
        let unnamed = elements.iter().filter(|element| element.name().is_empty()).count();
        assert!(unnamed == 0 && !elements.is_empty(), "{role}: {unnamed} of {} have no name", elements.len());
    }
    let headings = visit.list("[...document.querySelectorAll('h1')].map((h) => h.textContent)").await;
    assert_eq!(headings, [Value::from("Tollgate playground")]);

    page.click("button", "Upgrade to pro").await;
    page.find("button", "Pay").await;
    require_readable(&visit, "checkout-").await;
    page.click("button", "Pay").await;
    page.click("button", "Open the portal").await;
    page.find("button", "Change plan").await;
    require_readable(&visit, "portal-").await;
}

/// Checks the contrast and the width of a page in light and dark, wide and narrow, and writes pictures of it.
async fn require_readable(visit: &BrowserVisit, name: &str) {
    for (scheme, width) in [("light", 1280), ("dark", 1280), ("light", PHONE_WIDTH), ("dark", PHONE_WIDTH)] {
        visit.page.emulate(scheme, width, 900).await;
        let low = visit.list(LOW_CONTRASTS).await;
        assert!(low.is_empty(), "{scheme}: {low:#?}");
        let wide = visit.list(TOO_WIDE).await;
        assert!(wide.is_empty(), "{name}{scheme}, {width}: {wide:#?}");
        visit.write_screenshot(&format!("{name}{scheme}-{width}"), "body").await;
    }
    visit.page.emulate("light", 1280, 900).await;
}
