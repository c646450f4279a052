//! Starts `tests/backend/app.py`, and reads which requests it received.

use super::{Certificate, PythonServer};
use crate::client::unpooled;
use serde::Deserialize;
use std::net::SocketAddr;

/// A running backend. Dropping it kills it.
#[derive(Debug)]
pub struct Backend {
    server: PythonServer,
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
        let server = PythonServer::start::<&str>("app.py", &[], certificate);
        let client = unpooled().build().unwrap_or_else(|e| panic!("cannot make an HTTP client: {e}"));
        let backend = Backend { server, client };
        backend.received().await;
        backend
    }

    /// Returns the address of plain HTTP.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Returns the address of HTTPS.
    ///
    /// # Panics
    /// If it was started without a certificate.
    pub fn tls_address(&self) -> SocketAddr {
        let address = self.server.tls_address();
        address.unwrap_or_else(|| panic!("this backend was started without a certificate"))
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
