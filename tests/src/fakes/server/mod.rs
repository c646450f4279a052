//! A fake service on a free port: real HTTP/1.1 connections, a log of every request, and faults on demand.

mod connection;
mod listener;
mod log;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

pub(crate) use listener::FakeListener;
pub use log::{Recorded, RequestLog};

use crate::fakes::faults::Faults;

/// A request as received.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, `PATCH` …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query after the `?`, not decoded; empty for none.
    pub query: String,
    /// The header fields in the order received. Names are in lower case; a value that is not text is escaped.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Request {
    /// Returns the value of the first header field named `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns the path with the query, as it was sent.
    pub fn path_and_query(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// Returns the parameters of the query, decoded, in order.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// Returns the body as JSON, or `Value::Null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Returns the parameters of a form body, decoded, in order.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// Returns whether its method can change something.
    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// The response of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeResponse {
    /// The status code.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl FakeResponse {
    /// Returns a response with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        FakeResponse {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: serde_json::to_vec_pretty(body).expect("a JSON value can be written"),
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// The handler of the requests to a fake. It does not wait, so each request is one atomic step.
pub trait Service: Send + Sync + 'static {
    /// Handles a request.
    fn carry_out(&self, request: &Request) -> FakeResponse;

    /// Reserves the request's idempotency key, if it has one, while a test holds the request. Returns false
    /// if another request in progress has the key: this request must then be handled at once, and will be
    /// refused.
    fn begin(&self, _: &Request) -> bool {
        true
    }

    /// Ends the reservation, before the request is handled.
    fn end(&self, _: &Request) {}
}

/// A running service. When it is dropped, it stops listening and its connections are closed.
#[derive(Debug)]
pub struct FakeServer {
    listener: FakeListener,
    log: Arc<RequestLog>,
    faults: Arc<Faults>,
}

impl FakeServer {
    /// Serves on a free port of 127.0.0.1, as tasks of the current runtime.
    pub async fn start(service: Arc<dyn Service>) -> Self {
        let (log, faults) = (Arc::new(RequestLog::default()), Arc::new(Faults::default()));
        let shared = connection::SharedServer { service, log: Arc::clone(&log), faults: Arc::clone(&faults) };
        let listener = FakeListener::start(move |stream| connection::serve(stream, shared.clone())).await;
        FakeServer { listener, log, faults }
    }

    /// Returns the address at which it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Returns the log of all requests.
    pub fn log(&self) -> &Arc<RequestLog> {
        &self.log
    }

    /// Returns the rules by which requests fail.
    pub fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }
}

/// Returns the current time of this machine in Unix seconds.
pub fn unix_now() -> i64 {
    unix_now_ms() / 1000
}

/// Returns the current time of this machine in Unix milliseconds.
pub fn unix_now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_millis()).expect("milliseconds that fit i64")
}
