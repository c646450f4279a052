//! A callout of core, sent natively instead of by Envoy.

use tollgate_core::http::{Callout, HeaderMap, Outcome, Request};

/// A response.
#[derive(Debug)]
pub struct ApiResponse {
    pub status: u16,
    pub body: Vec<u8>,
    headers: HeaderMap,
}

impl ApiResponse {
    /// Returns the response as an input of core.
    pub fn outcome(&self) -> Outcome<'_> {
        Outcome::Response { status: self.status, headers: &self.headers, body: &self.body }
    }

    /// Returns the body for a message.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Returns a client that uses no proxy of the machine.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("an HTTP client")
}

/// Sends the request of a callout. `url` returns the URL of a path at the receiver.
pub async fn send(callout: &Callout, url: impl Fn(&str) -> String) -> ApiResponse {
    let Request::Http { method, path, headers, body, .. } = &callout.request else { panic!("not HTTP") };
    let method = method.parse().expect("a method");
    let request = client().request(method, url(path)).body(body.clone());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    send_request(request).await
}

/// Sends a request and reads the response.
pub async fn send_request(request: reqwest::RequestBuilder) -> ApiResponse {
    let response = request.send().await.expect("a response");
    let fields = response.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let (status, headers) = (response.status().as_u16(), HeaderMap::from_fields(fields));
    ApiResponse { status, headers, body: response.bytes().await.expect("a body").to_vec() }
}
