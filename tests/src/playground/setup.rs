//! The start of the playground: the fakes, the upstream, Envoy, and the tasks that watch them.

use super::history::History;
use super::state::PlaygroundState;
use super::{api, configuration, observers, people};
use crate::client::unpooled;
use crate::fakes::clerk::FakeClerk;
use crate::fakes::stripe::{DeliverySettings, FakeStripe};
use crate::fakes::upstream::PythonServer;
use crate::install::modules::Modules;
use crate::processes::envoy::Envoy;
use crate::processes::gateway::{WEBHOOK_PATH, WEBHOOK_SECRET, connected_with_all};
use crate::processes::{crash_switch, ports};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The time after which Stripe retries a delivery.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The maximum number of deliveries in progress.
const DELIVERIES_MAX: usize = 4;

/// A running playground. It ends when this is dropped.
pub struct Playground {
    origin: String,
    tasks: JoinSet<()>,
    // Dropped in this order: first what calls, then what is called.
    _envoy: Arc<Envoy>,
    _upstream: PythonServer,
    /// The directory of the module with the crash switch.
    _modules: TempDir,
}

impl Playground {
    /// Starts the playground with the pages of that directory. Builds the modules and installs Envoy the first
    /// time.
    ///
    /// # Panics
    /// If a part of it does not start, with the reason.
    pub async fn start(pages: &Path) -> Playground {
        let (modules, directory) = modules_with_crash_switch();
        let (stripe, clerk) = (FakeStripe::start().await, FakeClerk::start().await);
        people::register(&stripe, &clerk);
        let upstream = PythonServer::start("playground.py", &[pages], None);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let api = listener.local_addr().expect("its address");
        // Envoy's port must be known before it starts: the document names the origin.
        let [gateway] = ports::free();
        let standalone = connected_with_all(upstream.address(), &stripe, &clerk).modules(&modules);
        let envoy = Arc::new(configuration::playground(standalone, gateway, api).start().await);
        let delivery = stripe.deliver_events(DeliverySettings {
            at_once_max: DELIVERIES_MAX,
            retry_after: RETRY_AFTER,
            ..DeliverySettings::new(&envoy.url(WEBHOOK_PATH), WEBHOOK_SECRET)
        });
        let origin = format!("http://{gateway}");
        let state = Arc::new(PlaygroundState {
            origin: origin.clone(),
            stripe,
            clerk,
            delivery,
            history: History::default(),
            client: unpooled().build().expect("an HTTP client"),
            clerk_down_until: watch::Sender::default(),
            replaced_vms: watch::Sender::default(),
        });
        let mut tasks = JoinSet::new();
        observers::start(&mut tasks, &state, &envoy);
        tasks.spawn(async move {
            let _ = axum::serve(listener, api::router(state)).await;
        });
        Playground { origin, tasks, _envoy: envoy, _upstream: upstream, _modules: directory }
    }

    /// Returns the URL of the first page.
    pub fn url(&self) -> String {
        self.path("/")
    }

    /// Returns the URL of a path.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Ends everything, and waits until it has ended.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Returns the shipped modules, and the directory of the gate's copy with a switch that crashes its VM.
fn modules_with_crash_switch() -> (Modules, TempDir) {
    let shipped = Modules::build();
    let directory = tempfile::tempdir().expect("a directory");
    let plan_gate = crash_switch::installed(&shipped.plan_gate, directory.path());
    (Modules { plan_gate, ..shipped.clone() }, directory)
}
