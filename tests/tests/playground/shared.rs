//! A visitor of the playground without a browser: requests through the gateway, and the stream of events.

use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tempfile::TempDir;
use tollgate_tests::client::unpooled;
use tollgate_tests::playground::Playground;
use tollgate_tests::waiting::WAIT_MAX;

/// The people who can sign in.
pub const ADA: (&str, Option<&str>) = ("user_ada", None);
pub const BOB: (&str, Option<&str>) = ("user_bob", None);
pub const ADA_FOR_LABS: (&str, Option<&str>) = ("user_ada", Some("org_labs"));
pub const BOB_FOR_LABS: (&str, Option<&str>) = ("user_bob", Some("org_labs"));

/// The status and the JSON body of a response.
pub type Answer = (u16, Value);

/// A running playground with pages of its own, and a client that follows no redirects and reuses no connection.
pub struct Visitor {
    pub playground: Playground,
    client: Client,
    _pages: TempDir,
}

impl Visitor {
    pub async fn start() -> Self {
        let pages = tempfile::tempdir().expect("a directory");
        for (name, text) in [("index.html", "<!doctype html><title>test</title>"), ("app.js", "export {};")] {
            std::fs::write(pages.path().join(name), text).expect("a page");
        }
        let playground = Playground::start(pages.path()).await;
        let client = unpooled().redirect(redirect::Policy::none()).build().expect("a client");
        Visitor { playground, client, _pages: pages }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.playground.path(path))
    }

    /// Sends a POST without a token to the playground's own endpoints.
    pub async fn press(&self, path: &str) -> Answer {
        answer(self.request(Method::POST, &format!("/playground/api/{path}"))).await
    }

    /// Returns a session token as Clerk issues it now.
    pub async fn token(&self, (user, organization): (&str, Option<&str>)) -> String {
        let wanted = json!({"user": user, "organization": organization});
        let request = self.request(Method::POST, "/playground/api/token").json(&wanted);
        let (status, body) = answer(request).await;
        assert_eq!(status, 200, "{body}");
        body["token"].as_str().expect("a token").to_owned()
    }

    pub async fn get(&self, path: &str, person: (&str, Option<&str>)) -> Answer {
        answer(self.request(Method::GET, path).bearer_auth(self.token(person).await)).await
    }

    pub async fn post(&self, path: &str, person: (&str, Option<&str>), body: Value) -> Answer {
        let request = self.request(Method::POST, path).bearer_auth(self.token(person).await);
        answer(request.json(&body)).await
    }

    /// Asks a question.
    pub async fn ask(&self, person: (&str, Option<&str>)) -> Response {
        let request = self.request(Method::POST, "/ask").bearer_auth(self.token(person).await);
        request.json(&json!({"question": "Does it work?"})).send().await.expect("a response")
    }

    /// Opens a checkout and pays on its page. Returns where the browser is sent to.
    pub async fn buy(&self, person: (&str, Option<&str>)) -> String {
        let (status, session) = self.post("/billing/checkout", person, json!({"plan": "pro"})).await;
        assert_eq!(status, 200, "{session}");
        let page = session["url"].as_str().expect("a URL");
        let html = self.client.get(page).send().await.expect("the page").text().await.expect("text");
        assert!(html.contains("<button>Pay</button>"), "{html}");
        self.pay(page).await
    }

    /// Presses the button on a checkout page. Returns where the browser is sent to.
    pub async fn pay(&self, page: &str) -> String {
        let form = self.client.post(page).header("content-type", "application/x-www-form-urlencoded");
        let paid = form.body("card=works").send().await.expect("a response");
        assert_eq!(paid.status(), 303);
        paid.headers()["location"].to_str().expect("a URL").to_owned()
    }

    /// Opens the stream of events, which begins with those so far.
    pub async fn events(&self) -> EventStream {
        let response = self.request(Method::GET, "/playground/api/events").send().await.expect("a response");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        EventStream { response, text: String::new(), waiting: VecDeque::new() }
    }
}

/// Sends a request, and returns the status and the JSON body of the response.
pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("a response");
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}

/// Server-sent events.
pub struct EventStream {
    response: Response,
    /// What was received of the events that were not read yet.
    text: String,
    /// The events that were read while a test waited for one of another kind: kinds and data, oldest first.
    waiting: VecDeque<(String, Value)>,
}

impl EventStream {
    /// Waits for an event of that kind that meets the condition, and returns its data. Those of the kind before it
    /// are skipped. Events of other kinds stay for later calls: what is seen in several places (the access log,
    /// the counters, Clerk) is told in any order.
    pub async fn until(&mut self, kind: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let mut skipped = Vec::new();
        let found = tokio::time::timeout(WAIT_MAX, async {
            loop {
                let data = self.next_of(kind).await;
                if is_wanted(&data) {
                    return data;
                }
                skipped.push(data);
            }
        });
        let found = found.await;
        found.unwrap_or_else(|_| panic!("no such event {kind:?} in {WAIT_MAX:?}, but {skipped:#?}"))
    }

    async fn next_of(&mut self, kind: &str) -> Value {
        if let Some(first) = self.waiting.iter().position(|(event, _)| event == kind) {
            return self.waiting.remove(first).expect("it is there").1;
        }
        loop {
            let (event, data) = self.next().await;
            if event == kind {
                return data;
            }
            self.waiting.push_back((event, data));
        }
    }

    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let data = field("data:").map(|data| serde_json::from_str(data).expect("JSON"));
                let found = field("event:").map(str::to_owned).zip(data);
                self.text = rest.to_owned();
                // Otherwise it is a comment, which keeps the connection alive.
                if let Some(found) = found {
                    return found;
                }
                continue;
            }
            let chunk = self.response.chunk().await.expect("the stream goes on").expect("the stream goes on");
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }
}
