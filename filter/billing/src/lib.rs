//! `billing.wasm`: the billing endpoints, so that a team sells plans without billing code. The rules are in
//! `tollgate_core::billing`.

use tollgate_core::billing::{BillingRequest, BillingWorker};
use tollgate_core::config;
use tollgate_driver::{Filter, Setup};

/// The filter with the billing endpoints.
#[derive(Debug)]
pub struct BillingFilter;

impl Filter for BillingFilter {
    type Worker = BillingWorker;
    type Request = BillingRequest;

    const READS_BODY: bool = true;

    fn configure(setup: Setup<'_>) -> Result<BillingWorker, String> {
        let configuration = config::read::<config::BillingSettings>(setup.document, setup.environment)
            .map_err(|error| error.to_string())?;
        BillingWorker::new(configuration).map_err(|error| error.to_string())
    }

    fn request(_worker: &BillingWorker) -> BillingRequest {
        BillingRequest::default()
    }
}

#[cfg(target_arch = "wasm32")]
tollgate_host_proxy_wasm::export_filter!(BillingFilter; request_headers, request_body, request_trailers, http_call);
