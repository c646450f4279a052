//! `plan_gate.wasm`: verifies session tokens and enforces plans. The rules are in `tollgate_core::gate`.

use tollgate_core::config;
use tollgate_core::gate::{GateRequest, GateWorker};
use tollgate_core::identity;
use tollgate_driver::{Filter, Setup};

/// The filter that guards endpoints.
#[derive(Debug)]
pub struct PlanGate;

impl Filter for PlanGate {
    type Worker = GateWorker;
    type Request = GateRequest;

    const READS_BODY: bool = false;

    fn configure(setup: Setup<'_>) -> Result<GateWorker, String> {
        let configuration = config::read::<config::PlanGateSettings>(setup.document, setup.environment)
            .map_err(|error| error.to_string())?;
        GateWorker::new(configuration, setup.seed).map_err(|error| error.to_string())
    }

    fn request(_worker: &GateWorker) -> GateRequest {
        GateRequest::default()
    }

    fn removes_trailer(name: &[u8]) -> bool {
        identity::header_owner(name).is_some()
    }
}

#[cfg(target_arch = "wasm32")]
tollgate_host_proxy_wasm::export_filter!(PlanGate; request_headers, request_trailers, response_headers, http_call, grpc_call);
