//! The base URLs of the APIs, and what the command requires of them.

use super::rate_limits::{STRIPE, TOKEN_KEYS};
use crate::url::http_url;
use tollgate_core::config::Upstream;
use tollgate_core::secret::Secret;

/// The base URLs of the APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// Stripe's, for example `https://api.stripe.com`, without `/` at the end.
    pub(crate) stripe: String,
    /// Clerk's.
    pub(crate) clerk: String,
    /// That of the server of the key set of session tokens, if it is called.
    pub(crate) token_keys: Option<String>,
}

impl Endpoints {
    /// Returns the base URL for a callout to this cluster.
    pub(super) fn base_url(&self, cluster: &str) -> &str {
        match cluster {
            STRIPE => &self.stripe,
            TOKEN_KEYS => self.token_keys.as_ref().unwrap_or(&self.clerk),
            _ => &self.clerk,
        }
    }
}

/// Returns the base URL of a service: the user's, or the document's authority over HTTPS.
///
/// # Errors
/// A sentence about `option` if it is no URL, or would reveal the API key in transit.
pub(crate) fn base_url(upstream: &Upstream, given: Option<&str>, option: &str) -> Result<String, String> {
    let Some(given) = given else { return Ok(format!("https://{}", upstream.authority)) };
    let url = http_url(given).map_err(|error| format!("{option}: {error}"))?;
    if url.query().is_some() {
        return Err(format!("{option}: leave out the part after `?`"));
    }
    let is_here = url.host().is_some_and(|host| ["127.0.0.1", "localhost", "[::1]"].contains(&host));
    if url.scheme_str() == Some("https") || is_here {
        return Ok(given.trim_end_matches('/').to_owned());
    }
    Err(format!("{option}: is neither https:// nor on this machine, so the API key could be read in transit"))
}

/// Requires an API key, unless the user's URL is that of a proxy that may add it.
///
/// # Errors
/// A sentence with the variable to set.
pub(crate) fn need_key(upstream: &Upstream, given: Option<&str>, variable: &str) -> Result<(), String> {
    match (&upstream.authorization, given) {
        (None, None) => Err(format!("{variable}: is not set; set it in the environment of this command")),
        _ => Ok(()),
    }
}

/// Returns whether the API key is of live mode, or of a production instance.
pub(crate) fn is_live(upstream: &Upstream) -> bool {
    let key = upstream.authorization.as_ref().map(Secret::expose).unwrap_or_default();
    key.starts_with("sk_live_") || key.starts_with("rk_live_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sent_over_https_or_only_within_this_machine() {
        let upstream = Upstream {
            cluster: String::new(),
            authority: "api.stripe.com".to_owned(),
            base_path: String::new(),
            timeout: std::time::Duration::from_secs(1),
            authorization: None,
        };
        let at = |given| base_url(&upstream, given, "--stripe-url");
        assert_eq!(at(None).unwrap(), "https://api.stripe.com");
        assert_eq!(at(Some("https://proxy.example/stripe/")).unwrap(), "https://proxy.example/stripe");
        assert_eq!(at(Some("http://127.0.0.1:8080")).unwrap(), "http://127.0.0.1:8080");
        for wrong in [
            "http://api.stripe.com",
            "http://127.0.0.1.example.com",
            "api.stripe.com",
            "https://proxy.example?x",
        ] {
            assert!(at(Some(wrong)).is_err(), "{wrong}");
        }
        assert!(
            need_key(&upstream, None, "STRIPE_API_KEY")
                .unwrap_err()
                .starts_with("STRIPE_API_KEY: is not set")
        );
    }
}
