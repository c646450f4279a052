//! One fake service on a free port: real HTTP/1.1 connections, a log of every request, faults on demand.

mod connection;
mod log;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub use log::{Recorded, RequestLog};

use crate::fakes::faults::Faults;

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, `PATCH` …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What stands behind the `?`, not decoded; empty for none.
    pub query: String,
    /// Names in lower case, in the order of the wire. A value that is not text is shown escaped.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of the first header field of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The path with the query, as it was sent.
    pub fn path_and_query(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// The query's parameters, decoded, in their order.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// The body as JSON; `Value::Null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body's parameters if it is a form, decoded, in their order.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// Whether it asks for a change.
    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// What a service answers.
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
    /// An answer with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        FakeResponse {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: serde_json::to_vec_pretty(body).expect("a JSON value can be written"),
        }
    }

    /// The same with one more header field.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What a fake does with a request. It decides at once, so that each request is one atomic step.
pub trait Service: Send + Sync + 'static {
    /// Carries the request out.
    fn carry_out(&self, request: &Request) -> FakeResponse;
}

/// A service that listens; it stops, and its connections break, when this is dropped.
#[derive(Debug)]
pub struct FakeServer {
    addr: SocketAddr,
    log: Arc<RequestLog>,
    faults: Arc<Faults>,
    accepting: JoinHandle<()>,
}

impl FakeServer {
    /// Listens on a free port of 127.0.0.1 and serves as tasks of the current runtime.
    pub async fn start(service: Arc<dyn Service>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let (log, faults) = (Arc::new(RequestLog::default()), Arc::new(Faults::default()));
        let shared = connection::SharedServer { service, log: Arc::clone(&log), faults: Arc::clone(&faults) };
        let accepting = tokio::spawn(accept(listener, shared));
        FakeServer { addr, log, faults, accepting }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Every request that came.
    pub fn log(&self) -> &Arc<RequestLog> {
        &self.log
    }

    /// What is to go wrong.
    pub fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves each connection as a task of its own; all of them end with this one.
async fn accept(listener: TcpListener, shared: connection::SharedServer) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(connection::serve(stream, shared.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The time by this machine's clock, in Unix seconds.
pub fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_secs()).expect("the clock is before the end of time")
}
