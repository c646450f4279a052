//! The configuration of a webhook filter for a host that calls the APIs itself.

use crate::api_calls::Endpoints;
use crate::api_calls::{CLERK, STRIPE, base_url, need_key};
use crate::document;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tollgate_core::config::{
    self, ClerkWebhookSettings, ConfigError, Configuration, StripeWebhookSettings, SyncSettings,
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
    Ok(Setup { configuration, endpoints: Endpoints { stripe, clerk, token_keys: None } })
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
