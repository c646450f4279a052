//! A page in a tab of the browser.

use super::BrowserProcess;
use crate::waiting::WAIT_MAX;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

/// Reports each change of the document, so that a wait looks again. `reportChange` is a binding of the protocol.
const REPORT_CHANGES: &str = r#"
const options = {subtree: true, childList: true, attributes: true, characterData: true};
new MutationObserver(() => reportChange("")).observe(document, options);
document.addEventListener("DOMContentLoaded", () => reportChange(""));
"#;

/// Clicks an element, if it is what a mouse would hit.
const CLICK: &str = r#"function () {
  if (this.disabled) return false;
  this.scrollIntoView({block: "center"});
  const box = this.getBoundingClientRect();
  const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  if (!hit || !(this.contains(hit) || hit.contains(this))) return false;
  this.click();
  return true;
}"#;

/// A page in a tab of its own.
pub struct WebPage {
    process: Arc<BrowserProcess>,
    session: String,
}

impl WebPage {
    pub(super) async fn open(process: Arc<BrowserProcess>, url: &str) -> WebPage {
        let browser = async |method: &str, parameters| {
            let result = process.devtools.send(None, method, parameters).await;
            result.unwrap_or_else(|error| panic!("{method}: {error}"))
        };
        let context = browser("Target.createBrowserContext", json!({})).await["browserContextId"].clone();
        let target = json!({"url": "about:blank", "browserContextId": context, "width": 1280, "height": 900});
        let target = browser("Target.createTarget", target).await["targetId"].clone();
        let attached = browser("Target.attachToTarget", json!({"targetId": target, "flatten": true})).await;
        let session =
            attached["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {attached}")).to_owned();
        let page = WebPage { process, session };
        for domain in ["Page", "Runtime", "Log", "DOM", "Accessibility"] {
            page.command(&format!("{domain}.enable"), json!({})).await;
        }
        page.command("Runtime.addBinding", json!({"name": "reportChange"})).await;
        page.command("Page.addScriptToEvaluateOnNewDocument", json!({"source": REPORT_CHANGES})).await;
        page.command("Page.navigate", json!({"url": url})).await;
        page.until("the page has loaded", async || {
            let state = page.evaluate("document.readyState + location.protocol").await.ok()?;
            (state == "completehttp:").then_some(())
        })
        .await;
        page
    }

    /// Waits until `look` finds something, and returns it. It looks again whenever the document changes.
    ///
    /// # Panics
    /// If it finds nothing in time, with the text of the page.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + WAIT_MAX;
        let mut events = self.process.devtools.events.clone();
        loop {
            events.mark_unchanged();
            if let Ok(Some(found)) = timeout_at(deadline, look()).await {
                return found;
            }
            if !matches!(timeout_at(deadline, events.changed()).await, Ok(Ok(()))) {
                let text = self.evaluate("document.body.innerText").await.unwrap_or_else(Value::from);
                panic!(
                    "not seen after {WAIT_MAX:?}: {what}\nthe page:\n{}",
                    text.as_str().unwrap_or_default()
                );
            }
        }
    }

    /// Waits until there is exactly one element with that role and name.
    pub async fn find(&self, role: &str, name: &str) -> Element<'_> {
        self.until(&format!("one {role} `{name}`"), async || {
            let mut found = self.all(role, Some(name)).await;
            if found.len() == 1 { found.pop() } else { None }
        })
        .await
    }

    /// Returns the elements with that role, and with that name if there is one, that assistive technology finds now.
    pub async fn all(&self, role: &str, name: Option<&str>) -> Vec<Element<'_>> {
        let Ok(document) = self.try_command("DOM.getDocument", json!({"depth": 0})).await else {
            return Vec::new();
        };
        let mut query = json!({"nodeId": document["root"]["nodeId"], "role": role});
        if let Some(name) = name {
            query["accessibleName"] = name.into();
        }
        let found = self.try_command("Accessibility.queryAXTree", query).await.unwrap_or_default();
        let nodes = found["nodes"].as_array().cloned().unwrap_or_default();
        let shown = nodes.into_iter().filter(|node| node["ignored"] == false);
        shown.map(|node| Element { page: self, node }).collect()
    }

    /// Waits until the element with that role and name can be clicked, and clicks it.
    pub async fn click(&self, role: &str, name: &str) {
        self.until(&format!("{role} `{name}` can be clicked"), async || {
            let mut found = self.all(role, Some(name)).await;
            let element = found.pop().filter(|_| found.is_empty())?;
            (element.call(CLICK).await == Ok(Value::Bool(true))).then_some(())
        })
        .await;
    }

    /// Replaces the text of a text box, as a user who types does.
    ///
    /// # Panics
    /// If it cannot be focused.
    pub async fn fill(&self, name: &str, text: &str) {
        let focused = self.find("textbox", name).await.call("function () { this.select(); }").await;
        focused.unwrap_or_else(|error| panic!("textbox `{name}`: {error}"));
        self.command("Input.insertText", json!({"text": text})).await;
    }

    /// Waits until the text of a region contains `text`. Blanks and line breaks are the same.
    pub async fn sees(&self, region: &str, text: &str) {
        let what = format!("`{text}` in the region {region}");
        self.until(&what, async || self.text(region).await.contains(text).then_some(())).await;
    }

    /// Returns the text of a region, with single blanks. It is empty if there is no such region.
    pub async fn text(&self, region: &str) -> String {
        let Some(element) = self.all("region", Some(region)).await.pop() else { return String::new() };
        let text = element.call("function () { return this.innerText; }").await.unwrap_or_default();
        text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Presses a key, such as `Tab` or `Enter`.
    pub async fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            _ => panic!("the code of the key {key} is not known"),
        };
        let event = |kind: &str| json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
        self.command("Input.dispatchKeyEvent", event(if text.is_empty() { "rawKeyDown" } else { "keyDown" }))
            .await;
        let released = json!({"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code});
        self.command("Input.dispatchKeyEvent", released).await;
    }

    /// Sets the system's color scheme (`light`, `dark`), and the size of the page in CSS pixels.
    pub async fn emulate(&self, color_scheme: &str, width: u32, height: u32) {
        let scheme = json!({"name": "prefers-color-scheme", "value": color_scheme});
        let still = json!({"name": "prefers-reduced-motion", "value": "reduce"});
        self.command("Emulation.setEmulatedMedia", json!({"features": [scheme, still]})).await;
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Writes a picture (PNG) of what the window shows.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub async fn write_screenshot(&self, file: &Path) {
        use base64::Engine;
        let picture = self.command("Page.captureScreenshot", json!({"format": "png"})).await;
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap_or_default());
        let written = std::fs::write(file, bytes.unwrap_or_default());
        written.unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
    }

    /// Evaluates an expression in the page; a promise is awaited.
    ///
    /// # Errors
    /// The exception, or that the page was left in the meantime.
    pub async fn evaluate(&self, expression: &str) -> Result<Value, String> {
        let parameters = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        result(self.try_command("Runtime.evaluate", parameters).await?)
    }

    /// Returns what went wrong in the page so far: exceptions, messages of the level error, and requests that failed.
    pub fn errors(&self) -> Vec<String> {
        let received = |method| self.process.devtools.received(&self.session, method);
        let thrown = received("Runtime.exceptionThrown");
        let thrown = thrown.iter().map(|event| event["exceptionDetails"].to_string());
        let console =
            received("Runtime.consoleAPICalled").into_iter().filter(|event| event["type"] == "error");
        let logged = received("Log.entryAdded").into_iter().map(|event| event["entry"].clone());
        let logged = logged.filter(|entry| entry["level"] == "error");
        let logged =
            logged.map(|entry| format!("{}: {}", entry["url"].as_str().unwrap_or(""), entry["text"]));
        thrown.chain(console.map(|event| event["args"].to_string())).chain(logged).collect()
    }

    async fn command(&self, method: &str, parameters: Value) -> Value {
        let result = self.try_command(method, parameters).await;
        result.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    async fn try_command(&self, method: &str, parameters: Value) -> Result<Value, String> {
        self.process.devtools.send(Some(&self.session), method, parameters).await
    }
}

/// An element as assistive technology finds it.
pub struct Element<'a> {
    page: &'a WebPage,
    /// The node in the accessibility tree.
    node: Value,
}

impl Element<'_> {
    /// Returns its name; empty if it has none.
    pub fn name(&self) -> &str {
        self.node["name"]["value"].as_str().unwrap_or_default()
    }

    /// Returns a property of the accessibility tree, such as `busy` or `disabled`; null if it is not set.
    pub fn property(&self, name: &str) -> Value {
        let mut properties = self.node["properties"].as_array().into_iter().flatten();
        properties
            .find(|property| property["name"] == name)
            .map_or(Value::Null, |p| p["value"]["value"].clone())
    }

    /// Calls a function with the element as `this`.
    ///
    /// # Errors
    /// The exception, or that the page was left in the meantime.
    pub async fn call(&self, function: &str) -> Result<Value, String> {
        let node = json!({"backendNodeId": self.node["backendDOMNodeId"]});
        let object = self.page.try_command("DOM.resolveNode", node).await?;
        let parameters = json!({
            "objectId": object["object"]["objectId"], "functionDeclaration": function,
            "awaitPromise": true, "returnByValue": true,
        });
        result(self.page.try_command("Runtime.callFunctionOn", parameters).await?)
    }
}

/// Returns the value of an evaluation.
fn result(evaluated: Value) -> Result<Value, String> {
    match evaluated.get("exceptionDetails") {
        Some(exception) => Err(exception.to_string()),
        None => Ok(evaluated["result"]["value"].clone()),
    }
}
