//! The Clerk instance of a secret key: its environment, its domains, and its public keys.

use super::api::{BackendApi, ClerkApiError, success};
use crate::auth::keys::{KeySet, jwks};
use crate::http::{Callout, Outcome};
use crate::json;
use serde_json::Value;

/// The maximum number of domains to read: a primary domain and its satellites.
const DOMAINS_MAX: usize = 100;

/// An instance: `GET /v1/instance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    /// The id, `ins_…`.
    pub(crate) id: String,
    /// Whether its environment is development, not production.
    pub(crate) is_development: bool,
}

impl BackendApi<'_> {
    /// Returns the request for the instance of the secret key.
    pub(crate) fn retrieve_instance(&self) -> Callout {
        self.get("instance")
    }

    /// Returns the request for the domains of the instance, each with the URL of its Frontend API.
    pub(crate) fn list_domains(&self) -> Callout {
        self.get("domains")
    }

    /// Returns the request for the keys that sign the instance's session tokens.
    pub(crate) fn retrieve_jwks(&self) -> Callout {
        self.get("jwks")
    }

    fn get(&self, path: &str) -> Callout {
        self.callout("GET", format!("{}/{path}", self.upstream.base_path), Vec::new())
    }
}

impl Instance {
    /// Reads the response to [`BackendApi::retrieve_instance`].
    ///
    /// # Errors
    /// [`ClerkApiError`] if the request failed or the body is not an instance.
    pub(crate) fn read(outcome: &Outcome<'_>) -> Result<Self, ClerkApiError> {
        let body: Value = json::read(success(outcome)?).map_err(|_| ClerkApiError::Unreadable)?;
        let text = |name| body.get(name).and_then(Value::as_str).ok_or(ClerkApiError::Unreadable);
        Ok(Instance { id: text("id")?.to_owned(), is_development: text("environment_type")? != "production" })
    }
}

/// Reads the response to [`BackendApi::list_domains`]: the URLs that session tokens may name as their issuer.
/// Where the application proxies the Frontend API, that is the proxy's URL.
///
/// # Errors
/// [`ClerkApiError`] if the request failed or the body is not a list of domains.
pub(crate) fn issuers(outcome: &Outcome<'_>) -> Result<Vec<String>, ClerkApiError> {
    let body: Value = json::read(success(outcome)?).map_err(|_| ClerkApiError::Unreadable)?;
    let domains = body.get("data").and_then(Value::as_array).ok_or(ClerkApiError::Unreadable)?;
    let urls = domains.iter().take(DOMAINS_MAX).flat_map(|domain| {
        ["proxy_url", "frontend_api_url"].map(|name| domain.get(name).and_then(Value::as_str))
    });
    Ok(urls.flatten().map(|url| url.trim_end_matches('/').to_owned()).collect())
}

/// Reads the response to a request for a key set.
///
/// # Errors
/// [`ClerkApiError`] if the request failed or the body is not a usable key set.
pub(crate) fn key_set(outcome: &Outcome<'_>) -> Result<KeySet, ClerkApiError> {
    jwks::parse(success(outcome)?).map_err(|_| ClerkApiError::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeaderMap;

    #[test]
    fn an_instance_has_an_environment_and_issuers() {
        let headers = HeaderMap::default();
        let ok =
            |body: &'static str| Outcome::Response { status: 200, headers: &headers, body: body.as_bytes() };
        for (environment, is_development) in [("development", true), ("production", false), ("staging", true)]
        {
            let body = format!(r#"{{"object":"instance","id":"ins_1","environment_type":"{environment}"}}"#);
            let outcome = Outcome::Response { status: 200, headers: &headers, body: body.as_bytes() };
            assert_eq!(Instance::read(&outcome).unwrap().is_development, is_development, "{environment}");
        }
        let domains = r#"{"data": [{"name": "example.com", "frontend_api_url": "https://clerk.example.com",
            "proxy_url": null}, {"frontend_api_url": "https://clerk.two.example",
            "proxy_url": "https://two.example/__clerk/"}], "total_count": 2}"#;
        let want = ["https://clerk.example.com", "https://two.example/__clerk", "https://clerk.two.example"];
        assert_eq!(issuers(&ok(domains)).unwrap(), want);
        assert_eq!(issuers(&ok("[]")), Err(ClerkApiError::Unreadable));
        assert_eq!(Instance::read(&ok(r#"{"id": "ins_1"}"#)), Err(ClerkApiError::Unreadable));
        assert_eq!(key_set(&ok(r#"{"keys": []}"#)), Err(ClerkApiError::Unreadable));
    }
}
