//! `clerk_webhook.wasm`: verifies Clerk's events and syncs the plans of Clerk Billing. The rules are in
//! `tollgate_core::webhook`.

use tollgate_core::config;
use tollgate_core::identity::{self, HeaderOwner};
use tollgate_core::webhook::{ClerkDelivery, ClerkWorker};
use tollgate_driver::{Filter, Setup};

/// The filter that receives Clerk's deliveries.
#[derive(Debug)]
pub struct ClerkWebhook;

impl Filter for ClerkWebhook {
    type Worker = ClerkWorker;
    type Request = ClerkDelivery;

    const READS_BODY: bool = true;

    fn configure(setup: Setup<'_>) -> Result<ClerkWorker, String> {
        let configuration = config::read::<config::ClerkWebhookSettings>(setup.document, setup.environment)
            .map_err(|error| error.to_string())?;
        Ok(ClerkWorker::new(configuration))
    }

    fn request(_worker: &ClerkWorker) -> ClerkDelivery {
        ClerkDelivery::default()
    }

    fn removes_trailer(name: &[u8]) -> bool {
        identity::header_owner(name) == Some(HeaderOwner::ClerkWebhook)
    }
}

#[cfg(target_arch = "wasm32")]
tollgate_host_proxy_wasm::export_filter!(ClerkWebhook; request_headers, request_body, request_trailers, response_headers, http_call);
