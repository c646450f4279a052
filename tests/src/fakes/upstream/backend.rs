//! Starts `tests/backend/app.py` (FastAPI on uvicorn), asks it what it has seen, and kills it on drop.

use super::Certificate;
use crate::install::python::Python;
use crate::install::workspace;
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

/// A running backend. Dropping it kills it.
#[derive(Debug)]
pub struct Backend {
    child: Child,
    listening: Listening,
    client: reqwest::Client,
}

/// One request as the backend got it. Bytes are shown as the Latin-1 characters of the same numbers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Seen {
    /// As sent: `POST`.
    pub method: String,
    /// As sent, escapes included, without the query.
    pub path: String,
    /// What follows the question mark, or nothing.
    pub query: String,
    /// In order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// `None` while it has not come completely.
    pub body: Option<String>,
}

impl Seen {
    /// All values of a header field, in order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let same = |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }
}

/// The line that app.py prints once it listens.
#[derive(Debug, Deserialize)]
struct Listening {
    port: u16,
    tls_port: Option<u16>,
}

impl Backend {
    /// Starts one and waits until it answers. Installs its packages below `target/` the first time.
    ///
    /// # Panics
    /// With what it said, when it does not start.
    pub async fn start() -> Backend {
        Self::serve(None).await
    }

    /// Starts one that shows `certificate` at [`Backend::tls_address`].
    pub async fn start_with_tls(certificate: &Certificate) -> Backend {
        Self::serve(Some(certificate)).await
    }

    async fn serve(certificate: Option<&Certificate>) -> Backend {
        let mut python = Command::new(Python::with("tests/backend/requirements.txt").interpreter());
        python.arg(workspace::file("tests/backend/app.py"));
        if let Some(certificate) = certificate {
            python.env("TLS_CERTIFICATE", certificate.certificate()).env("TLS_KEY", certificate.key());
        }
        // Its end of standard input closes with this process, however that ends, and it ends too.
        let mut child = python
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {python:?}: {e}"));
        let mut line = String::new();
        let stdout = child.stdout.take().map(BufReader::new);
        let _ = stdout.map(|mut stdout| stdout.read_line(&mut line));
        let listening: Listening = serde_json::from_str(&line)
            .unwrap_or_else(|e| panic!("app.py did not say where it listens, see its messages above: {e}"));
        // No connection is kept: one is served by the runtime that opened it, and a backend may outlive a test's.
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build();
        let client = client.unwrap_or_else(|e| panic!("cannot make an HTTP client: {e}"));
        let backend = Backend { child, listening, client };
        backend.seen().await;
        backend
    }

    /// Where it serves plain HTTP.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.listening.port)
    }

    /// Where it serves HTTPS.
    ///
    /// # Panics
    /// When it was started without a certificate.
    pub fn tls_address(&self) -> SocketAddr {
        let port = self
            .listening
            .tls_port
            .unwrap_or_else(|| panic!("this backend was started without a certificate"));
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
    }

    /// All requests that have reached it since the start or [`Backend::forget_seen`], oldest first. A request is noted
    /// when its headers arrive, whatever becomes of its body.
    pub async fn seen(&self) -> Vec<Seen> {
        let url = format!("http://{}/__seen", self.address());
        let answer =
            self.client.get(url).send().await.unwrap_or_else(|e| panic!("the backend does not answer: {e}"));
        answer.json().await.unwrap_or_else(|e| panic!("the backend's list of requests cannot be read: {e}"))
    }

    /// Forgets the requests so far.
    pub async fn forget_seen(&self) {
        let url = format!("http://{}/__seen", self.address());
        let answer = self.client.delete(url).send().await;
        answer.unwrap_or_else(|e| panic!("the backend does not answer: {e}"));
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
