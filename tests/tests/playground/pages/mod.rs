//! The pages of the playground in a browser, used by the roles and names of their elements.

mod appearance;
mod client;
mod keyboard;
mod navigation;
mod organization;
mod refusals;
mod story;
mod webhooks;

use serde_json::Value;
use tollgate_tests::client::unpooled;
use tollgate_tests::install::workspace;
use tollgate_tests::playground::Playground;
use tollgate_tests::processes::browser::{Browser, WebPage};

/// A playground with its pages, and a tab of a browser with them.
struct BrowserVisit {
    page: WebPage,
    browser: Browser,
    playground: Playground,
}

impl BrowserVisit {
    async fn start() -> Self {
        let playground = Playground::start(&workspace::file("playground")).await;
        let browser = Browser::start().await;
        let page = browser.open(&playground.url()).await;
        page.emulate("light", 1280, 900).await;
        BrowserVisit { page, browser, playground }
    }

    /// Opens the page in another tab.
    async fn open_tab(&self) -> WebPage {
        self.browser.open(&self.playground.url()).await
    }

    /// Ends the playground, and returns the page, which stays open.
    async fn end_playground(self) -> WebPage {
        self.playground.stop().await;
        self.page
    }

    /// Takes Clerk down, as the button does, while another page is shown.
    async fn take_clerk_down(&self) {
        let request = unpooled().build().expect("a client");
        let request = request.post(self.playground.path("/playground/api/clerk/down"));
        assert_eq!(request.send().await.expect("a response").status(), 200);
    }

    /// Signs in, and waits until the usage is shown.
    async fn sign_in(&self, name: &str) {
        self.page.click("button", &format!("Sign in as {name}")).await;
        self.page.sees("Usage", "asks").await;
    }

    /// Asks, and waits until the whole answer is there.
    async fn ask(&self) {
        self.page.click("button", "Ask").await;
        self.answered().await;
    }

    /// Waits until an answer or a refusal is complete.
    async fn answered(&self) {
        let done = async || {
            let text = self.page.text("Answer").await;
            (self.is("region", "Answer", "busy").await == Some(false) && !text.is_empty()).then_some(())
        };
        self.page.until("the whole answer", done).await;
    }

    /// Buys the plan pro on the page of Stripe, and waits until the plan is there.
    async fn buy_pro(&self) {
        self.page.click("button", "Upgrade to pro").await;
        self.page.click("button", "Pay").await;
        self.page.sees("Plan", "You are on pro now.").await;
    }

    /// Returns a property of an element; `None` if there is not exactly one.
    async fn is(&self, role: &str, name: &str, property: &str) -> Option<bool> {
        let mut found = self.page.all(role, Some(name)).await;
        let element = found.pop().filter(|_| found.is_empty())?;
        Some(
            element.property(property).as_bool().or(element.property(property).as_i64().map(|n| n != 0))
                == Some(true),
        )
    }

    /// Writes a picture of the window, with this element at its top, to `target/playground/`.
    async fn write_screenshot(&self, name: &str, top: &str) {
        let directory = workspace::target_dir().join("playground");
        std::fs::create_dir_all(&directory).expect("a directory below target/");
        let scroll =
            format!("document.activeElement.blur(), document.querySelector({top:?}).scrollIntoView()");
        self.page.evaluate(&scroll).await.expect("an element of the page");
        self.page.write_screenshot(&directory.join(format!("{name}.png"))).await;
    }

    /// Fails if the browser has reported an error, except for responses with one of these statuses.
    fn require_no_errors(&self, refusals: &[u16]) {
        let is_refusal =
            |error: &String| refusals.iter().any(|status| error.contains(&format!("status of {status}")));
        let errors: Vec<_> = self.page.errors().into_iter().filter(|error| !is_refusal(error)).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    /// Evaluates an expression to a list.
    async fn list(&self, expression: &str) -> Vec<Value> {
        let value = self.page.evaluate(expression).await.expect("an expression that can be evaluated");
        value.as_array().cloned().unwrap_or_else(|| panic!("no list: {value}"))
    }
}
