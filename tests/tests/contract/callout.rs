//! A callout of core's, sent natively where Envoy would send it.

use tollgate_core::http::{Callout, HeaderMap, Outcome, Request};

/// A response.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub body: Vec<u8>,
    headers: HeaderMap,
}

impl Answered {
    /// The response as core takes it.
    pub fn outcome(&self) -> Outcome<'_> {
        Outcome::Answered { status: self.status, headers: &self.headers, body: &self.body }
    }

    /// The body, for a message.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Never through a proxy that the machine may be set up with.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("an HTTP client")
}

/// Sends what a callout would send. `url` is that of a path at whom it is sent to.
pub async fn send(callout: &Callout, url: impl Fn(&str) -> String) -> Answered {
    let Request::Http { method, path, headers, body, .. } = &callout.request else { panic!("not HTTP") };
    let method = method.parse().expect("a method");
    let request = client().request(method, url(path)).body(body.clone());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    answered(request).await
}

/// Sends a request.
pub async fn answered(request: reqwest::RequestBuilder) -> Answered {
    let response = request.send().await.expect("an answer");
    let fields = response.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let (status, headers) = (response.status().as_u16(), HeaderMap::from_fields(fields));
    Answered { status, headers, body: response.bytes().await.expect("a body").to_vec() }
}
