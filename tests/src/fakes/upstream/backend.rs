//! Starts `tests/backend/app.py` (FastAPI on uvicorn), reads which requests it received, and kills it on
//! drop.

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

/// One request as the backend received it. Bytes are shown as the Latin-1 characters with their codes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReceivedRequest {
    /// As sent: `POST`.
    pub method: String,
    /// As sent, escapes included, without the query.
    pub path: String,
    /// The query after the question mark, or an empty text.
    pub query: String,
    /// In order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// `None` until the whole body has arrived.
    pub body: Option<String>,
}

impl ReceivedRequest {
    /// Returns all values of a header field, in order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let same = |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }
}

/// The line that app.py prints when it listens.
#[derive(Debug, Deserialize)]
struct Listening {
    port: u16,
    tls_port: Option<u16>,
}

impl Backend {
    /// Starts one and waits until it responds. Installs its packages below `target/` the first time.
    ///
    /// # Panics
    /// If it does not start, with its output.
    pub async fn start() -> Backend {
        Self::serve(None).await
    }

    /// Starts one with a TLS listener at [`Backend::tls_address`] that uses `certificate`.
    pub async fn start_with_tls(certificate: &Certificate) -> Backend {
        Self::serve(Some(certificate)).await
    }

    async fn serve(certificate: Option<&Certificate>) -> Backend {
        let mut python = Command::new(Python::with("tests/backend/requirements.txt").interpreter());
        python.arg(workspace::file("tests/backend/app.py"));
        if let Some(certificate) = certificate {
            python.env("TLS_CERTIFICATE", certificate.certificate()).env("TLS_KEY", certificate.key());
        }
        // Its standard input closes when this process ends, however that happens; then it ends too.
        let mut child = python
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {python:?}: {e}"));
        let mut line = String::new();
        let stdout = child.stdout.take().map(BufReader::new);
        let _ = stdout.map(|mut stdout| stdout.read_line(&mut line));
        let listening: Listening = serde_json::from_str(&line)
            .unwrap_or_else(|e| panic!("app.py did not print its ports, see its messages above: {e}"));
        // Connections are not reused: a connection belongs to the runtime that opened it, and a backend may
        // outlive it.
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build();
        let client = client.unwrap_or_else(|e| panic!("cannot make an HTTP client: {e}"));
        let backend = Backend { child, listening, client };
        backend.received().await;
        backend
    }

    /// Returns the address of plain HTTP.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.listening.port)
    }

    /// Returns the address of HTTPS.
    ///
    /// # Panics
    /// If it was started without a certificate.
    pub fn tls_address(&self) -> SocketAddr {
        let port = self
            .listening
            .tls_port
            .unwrap_or_else(|| panic!("this backend was started without a certificate"));
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
    }

    /// Returns all requests since the start or [`Backend::clear_received`], oldest first. A request is listed
    /// when its headers arrive, before its body.
    pub async fn received(&self) -> Vec<ReceivedRequest> {
        let url = format!("http://{}/__seen", self.address());
        let response =
            self.client.get(url).send().await.unwrap_or_else(|e| panic!("the backend does not respond: {e}"));
        response.json().await.unwrap_or_else(|e| panic!("the backend's list of requests cannot be read: {e}"))
    }

    /// Clears the list of requests.
    pub async fn clear_received(&self) {
        let url = format!("http://{}/__seen", self.address());
        let response = self.client.delete(url).send().await;
        response.unwrap_or_else(|e| panic!("the backend does not respond: {e}"));
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
