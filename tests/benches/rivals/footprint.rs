//! The size of the modules on disk and in memory, and the time to load them.

use crate::chain;
use serde::Serialize;
use std::path::Path;
use tollgate_tests::install::modules::{Modules, bytes};
use tollgate_tests::install::workspace::progress;
use tollgate_tests::processes::envoy::{Standalone, load_time};
use tollgate_tests::processes::process::resident_bytes;

/// The number of workers of the Envoy that is compared with one of a single worker.
const WORKERS: u32 = 5;

/// The size and load time of a module.
#[derive(Debug, Serialize)]
pub(crate) struct Footprint {
    pub(crate) module: &'static str,
    pub(crate) bytes: u64,
    /// The time that Envoy needs to load its listener with the module.
    pub(crate) start_ms: u128,
    /// The memory of each further worker's VM, newly configured.
    pub(crate) vm_bytes: i64,
}

/// Measures both modules.
pub(crate) async fn measure() -> Vec<Footprint> {
    progress("measuring the modules' memory and load time");
    let modules = Modules::build();
    let bare = chain::native("[]");
    vec![
        measure_module(
            "stripe_webhook.wasm",
            &modules.stripe_webhook,
            &chain::webhook(&chain::current()),
            &bare,
        )
        .await,
        measure_module("plan_gate.wasm", &modules.plan_gate, &chain::gate(&chain::current(), |_| ()), &bare)
            .await,
    ]
}

async fn measure_module(
    module: &'static str,
    file: &Path,
    with: &Standalone,
    bare: &Standalone,
) -> Footprint {
    let vm_bytes = (per_worker(with).await - per_worker(bare).await) / (i64::from(WORKERS) - 1);
    Footprint { module, bytes: bytes(file), start_ms: load_time(with).await.as_millis(), vm_bytes }
}

/// Returns the resident memory that an Envoy with several workers takes beyond one with a single worker, in
/// bytes.
async fn per_worker(standalone: &Standalone) -> i64 {
    let mut resident = [0; 2];
    for (resident, workers) in resident.iter_mut().zip([1, WORKERS]) {
        let envoy = standalone.clone().concurrency(workers).start().await;
        *resident = i64::try_from(resident_bytes(envoy.process_id())).unwrap_or(i64::MAX);
    }
    resident[1] - resident[0]
}
