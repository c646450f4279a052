//! What the modules weigh: on disk, in memory, and at the start of Envoy.

use crate::chain;
use serde::Serialize;
use std::path::Path;
use tollgate_tests::install::modules::{Modules, bytes};
use tollgate_tests::install::workspace::progress;
use tollgate_tests::processes::envoy::{Standalone, load_time};
use tollgate_tests::processes::process::resident_bytes;

/// The workers of the Envoy that is held against one with a single worker.
const WORKERS: u32 = 5;

/// One module's weight.
#[derive(Debug, Serialize)]
pub(crate) struct Footprint {
    pub(crate) module: &'static str,
    pub(crate) bytes: u64,
    /// What Envoy needs longer to load its listener.
    pub(crate) start_ms: u128,
    /// What each further worker takes with it, in memory: its VM, freshly configured.
    pub(crate) vm_bytes: i64,
}

/// Of both modules.
pub(crate) async fn measure() -> Vec<Footprint> {
    progress("measuring what the modules weigh in memory, and how long they take to load");
    let modules = Modules::build();
    let bare = chain::native("[]");
    vec![
        of("stripe_webhook.wasm", &modules.stripe_webhook, &chain::webhook(modules), &bare).await,
        of("plan_gate.wasm", &modules.plan_gate, &chain::gate(&chain::present(), |_| ()), &bare).await,
    ]
}

async fn of(module: &'static str, file: &Path, with: &Standalone, bare: &Standalone) -> Footprint {
    let vm_bytes = (per_worker(with).await - per_worker(bare).await) / (i64::from(WORKERS) - 1);
    Footprint { module, bytes: bytes(file), start_ms: load_time(with).await.as_millis(), vm_bytes }
}

/// What an Envoy of many workers takes beyond one of a single worker.
async fn per_worker(standalone: &Standalone) -> i64 {
    let mut resident = [0; 2];
    for (resident, workers) in resident.iter_mut().zip([1, WORKERS]) {
        let envoy = standalone.clone().concurrency(workers).start().await;
        *resident = i64::try_from(resident_bytes(envoy.process_id())).unwrap_or(i64::MAX);
    }
    resident[1] - resident[0]
}
