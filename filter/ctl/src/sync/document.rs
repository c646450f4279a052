//! The configuration of a webhook filter for a host that calls the APIs itself.

use crate::api_calls::Endpoints;
use crate::api_calls::{CLERK, STRIPE};
use crate::document;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tollgate_core::config::{
    self, ClerkWebhookSettings, ConfigError, Configuration, StripeWebhookSettings, SyncSettings, Upstream,
};

/// The timeout of one call. Unlike the gateway, the command has no caller that waits.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The configuration, and the addresses of the services.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) configuration: Configuration<SyncSettings>,
    pub(super) endpoints: Endpoints,
}

/// Reads a file: the document itself, or a configuration of Envoy, Istio or Envoy Gateway that contains it.
///
/// # Errors
/// A sentence that names the error and the fix.
pub(super) fn read(file: &Path, stripe_url: Option<&str>, clerk_url: Option<&str>) -> Result<Setup, String> {
    let name = file.display();
    let document = document::of_file(file, &["stripe_webhook", "clerk_webhook"])?;
    let mut configuration = configuration(&document).map_err(|error| format!("{name}: {error}"))?;
    let section = &mut configuration.section;
    let stripe = base_url(&section.stripe, stripe_url, "--stripe-url")?;
    let clerk = base_url(&section.clerk, clerk_url, "--clerk-url")?;
    if section.reads_stripe {
        need_key(&section.stripe, stripe_url, "STRIPE_API_KEY")?;
    }
    need_key(&section.clerk, clerk_url, "CLERK_SECRET_KEY")?;
    for (upstream, cluster) in [(&mut section.stripe, STRIPE), (&mut section.clerk, CLERK)] {
        cluster.clone_into(&mut upstream.cluster);
        upstream.timeout = CALL_TIMEOUT;
    }
    Ok(Setup { configuration, endpoints: Endpoints { stripe, clerk } })
}

/// Reads the settings of the section `stripe_webhook`, or of `clerk_webhook` where there is no other.
fn configuration(document: &Value) -> Result<Configuration<SyncSettings>, ConfigError> {
    let environment = |variable: &str| std::env::var(variable).ok();
    let text = document.to_string();
    match document.get("stripe_webhook") {
        Some(_) => config::read_without_signing::<StripeWebhookSettings>(text.as_bytes(), &environment)
            .map(|read| read.map_section(|section| section.sync)),
        None => config::read_without_signing::<ClerkWebhookSettings>(text.as_bytes(), &environment)
            .map(|read| read.map_section(|section| section.sync)),
    }
}

/// Returns the base URL of a service: the user's, or the document's authority over HTTPS.
fn base_url(upstream: &Upstream, given: Option<&str>, option: &str) -> Result<String, String> {
    let Some(given) = given else { return Ok(format!("https://{}", upstream.authority)) };
    let given = given.trim_end_matches('/');
    let is_here = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"]
        .iter()
        .any(|here| given.starts_with(here));
    if given.starts_with("https://") || is_here {
        return Ok(given.to_owned());
    }
    Err(format!("{option}: is neither https:// nor on this machine, so the API key could be read in transit"))
}

/// Requires an API key, unless the user's URL is that of a proxy that may add it.
fn need_key(upstream: &Upstream, given: Option<&str>, variable: &str) -> Result<(), String> {
    match (&upstream.authorization, given) {
        (None, None) => Err(format!("{variable}: is not set; set it in the environment of this command")),
        _ => Ok(()),
    }
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
            timeout: CALL_TIMEOUT,
            authorization: None,
        };
        let at = |given| base_url(&upstream, given, "--stripe-url");
        assert_eq!(at(None).unwrap(), "https://api.stripe.com");
        assert_eq!(at(Some("https://proxy.example/stripe/")).unwrap(), "https://proxy.example/stripe");
        assert_eq!(at(Some("http://127.0.0.1:8080")).unwrap(), "http://127.0.0.1:8080");
        for wrong in ["http://api.stripe.com", "http://127.0.0.1.example.com", "api.stripe.com"] {
            assert!(at(Some(wrong)).is_err(), "{wrong}");
        }
        assert!(
            need_key(&upstream, None, "STRIPE_API_KEY")
                .unwrap_err()
                .starts_with("STRIPE_API_KEY: is not set")
        );
    }
}
