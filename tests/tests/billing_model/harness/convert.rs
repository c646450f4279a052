//! Requests and responses, as the fakes have them and as the filters have them.

use serde_json::Value;
use tollgate_core::http::{Callout, HeaderMap, Request};
use tollgate_driver::CalloutResult;
use tollgate_driver::memory::MemoryRequest;
use tollgate_tests::fakes::server;

/// Returns a request of a client.
pub(super) fn client_request(fields: &[(&str, &str)], body: Vec<u8>) -> MemoryRequest {
    let headers =
        HeaderMap::from_fields(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    MemoryRequest { headers, body, ..MemoryRequest::default() }
}

/// Returns a callout as the service receives it, with the key that Envoy adds.
pub(super) fn received(callout: &Callout, key: &str) -> server::Request {
    let Request::Http { method, path, headers, body, .. } = &callout.request else {
        panic!("a callout by gRPC: {callout:?}")
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut headers: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    headers.push(("authorization".to_owned(), format!("Bearer {key}")));
    server::Request {
        method: (*method).to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: body.clone(),
    }
}

/// Returns a response of a service as the filter gets it.
pub(super) fn result(response: &server::FakeResponse) -> CalloutResult {
    let fields = response.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    CalloutResult::Http {
        status: response.status,
        headers: HeaderMap::from_fields(fields),
        body: response.body.clone(),
    }
}

/// Returns a callout as one line of a trace.
pub(super) fn line(callout: &Callout) -> String {
    let Request::Http { method, path, body, .. } = &callout.request else { return format!("{callout:?}") };
    let short: String = String::from_utf8_lossy(body).chars().take(160).collect();
    format!("{method} {path} {short}")
}

/// Returns the body of a response as JSON.
pub(super) fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}
