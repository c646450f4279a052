//! `stripe_webhook.wasm`: verifies Stripe's events and updates the plans in Clerk. The rules are in
//! `tollgate_core::webhook`.

use tollgate_core::config;
use tollgate_core::identity::{self, HeaderOwner};
use tollgate_core::webhook::{StripeDelivery, StripeWorker};
use tollgate_driver::{Filter, Setup};

/// The filter that takes Stripe's deliveries.
#[derive(Debug)]
pub struct StripeWebhook;

impl Filter for StripeWebhook {
    type Worker = StripeWorker;
    type Request = StripeDelivery;

    const READS_BODY: bool = true;

    fn configure(setup: Setup<'_>) -> Result<StripeWorker, String> {
        let configuration = config::read::<config::StripeWebhookSettings>(setup.document, setup.environment)
            .map_err(|error| error.to_string())?;
        Ok(StripeWorker::new(configuration))
    }

    fn request(_worker: &StripeWorker) -> StripeDelivery {
        StripeDelivery::default()
    }

    fn removes_trailer(name: &[u8]) -> bool {
        identity::header_owner(name) == Some(HeaderOwner::StripeWebhook)
    }
}

#[cfg(target_arch = "wasm32")]
tollgate_host_proxy_wasm::export_filter!(StripeWebhook; request_headers, request_body, request_trailers, response_headers, http_call);
