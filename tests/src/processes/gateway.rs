//! The complete setup for a test or the demo: Envoy on the shipped configuration, the upstream behind it, and
//! the fakes of Stripe and Clerk that it calls, connected with each other.
//!
//! ```no_run
//! # async fn example() {
//! use tollgate_tests::processes::gateway::Gateway;
//!
//! let gateway = Gateway::start(|shipped| {
//!     shipped.document(|document| document["plan_gate"]["shadow"] = true.into())
//! })
//! .await;
//! let response = gateway.get("/ask").bearer_auth(gateway.token("user_1", "pro")).send().await;
//! # }
//! ```

use crate::client::unpooled;
use crate::client::wire::{WireResponse, exchange};
use crate::fakes::clerk::FakeClerk;
use crate::fakes::clerk::billing::ClerkEvent;
use crate::fakes::clerk::keys::KeyPair;
use crate::fakes::clerk::tokens::Token;
use crate::fakes::server::unix_now;
use crate::fakes::stripe::FakeStripe;
use crate::fakes::stripe::events::Event;
use crate::fakes::upstream::Backend;
use crate::install::modules::Modules;
use crate::processes::envoy::{EXAMPLE_CLERK_WEBHOOK_SECRET, Envoy, FILTERS, Standalone};
use crate::windows::within_one_window;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

/// The value of `STRIPE_WEBHOOK_SECRET`.
pub const WEBHOOK_SECRET: &str = "whsec_tollgate0001";

/// The path of Stripe's webhooks in the shipped document.
pub const WEBHOOK_PATH: &str = "/webhooks/stripe";

/// The path of Clerk's webhooks in the shipped document.
pub const CLERK_WEBHOOK_PATH: &str = "/webhooks/clerk";

/// The sections whose filters most tests do not need.
const OPTIONAL: [&str; 2] = [CLERK_WEBHOOK, BILLING];
const CLERK_WEBHOOK: &str = "clerk_webhook";
const BILLING: &str = "billing";

/// The origin of the application in the shipped document: the authorized party of its tokens.
pub const APPLICATION: &str = "https://app.example.com";

/// The lifetime of the tokens of [`Gateway::session`], in seconds. Those of Clerk live for a minute, which a test may
/// take on a slow machine.
const TOKEN_LIFE_S: i64 = 3_600;

/// The length of the windows of the shipped limits, in seconds.
const DAY_S: i64 = 86_400;

/// The text by which Envoy's log reports a VM that crashed: `Function: proxy_on_request_headers failed:
/// Uncaught RuntimeError: …`.
const VM_FAILURE: &str = " failed: Uncaught ";

/// The text by which the log reports a panic of the dynamic module, even outside of a request, where no
/// metric counts it.
const MODULE_PANIC: &str = r#""cause":"a panic""#;

/// A running gateway with its upstream and the fakes that it calls.
///
/// When dropped, it ends all processes, and fails the test if a VM has crashed or the dynamic module has
/// panicked, so every test checks this.
pub struct Gateway {
    /// Envoy with two worker threads, with the modules of the filters whose sections the document has.
    pub envoy: Envoy,
    /// The upstream.
    pub backend: Backend,
    /// The upstream of the cluster `stripe_api`. Its key is in the secret file.
    pub stripe: FakeStripe,
    /// The upstream of the cluster `clerk_api`. Its key is in the secret file, its first public key in
    /// `CLERK_JWT_KEY`, and its issuer in the document.
    pub clerk: FakeClerk,
    client: Client,
    allows_crashes: AtomicBool,
}

impl Gateway {
    /// Starts a gateway. `edit` changes the shipped configuration, whose clusters, keys, and secrets are
    /// already set.
    ///
    /// # Panics
    /// If a part of it does not start, with the reason.
    pub async fn start(edit: impl FnOnce(Standalone) -> Standalone) -> Gateway {
        Self::start_with_fakes(FakeStripe::start().await, FakeClerk::start().await, edit).await
    }

    /// Starts a gateway with the billing endpoints, which most tests do not need.
    ///
    /// # Panics
    /// If a part of it does not start, with the reason.
    pub async fn start_with_billing(edit: impl FnOnce(Standalone) -> Standalone) -> Gateway {
        Self::start_with(Standalone::load(), &[BILLING], edit).await
    }

    /// Starts a gateway with the filter of Clerk's webhooks, which most tests do not need.
    ///
    /// # Panics
    /// If a part of it does not start, with the reason.
    pub async fn start_with_clerk_webhook(edit: impl FnOnce(Standalone) -> Standalone) -> Gateway {
        Self::start_with(Standalone::load(), &[CLERK_WEBHOOK], edit).await
    }

    /// Starts a gateway with all filters of one build: [`Standalone::wasm`] or [`Standalone::native`].
    ///
    /// # Panics
    /// If a part of it does not start, with the reason.
    pub async fn start_build(shipped: Standalone, edit: impl FnOnce(Standalone) -> Standalone) -> Gateway {
        Self::start_with(shipped, &OPTIONAL, edit).await
    }

    /// Starts a gateway with these of the [`OPTIONAL`] sections.
    async fn start_with(
        shipped: Standalone,
        sections: &[&str],
        edit: impl FnOnce(Standalone) -> Standalone,
    ) -> Gateway {
        let (stripe, clerk) = (FakeStripe::start().await, FakeClerk::start().await);
        let backend = Backend::start().await;
        let standalone = edit(connected_with(shipped, sections, backend.address(), &stripe, &clerk));
        Self::start_standalone(stripe, clerk, backend, standalone).await
    }

    /// Starts a gateway with fakes that have their own settings.
    ///
    /// # Panics
    /// If a part of it does not start, with the reason.
    pub async fn start_with_fakes(
        stripe: FakeStripe,
        clerk: FakeClerk,
        edit: impl FnOnce(Standalone) -> Standalone,
    ) -> Gateway {
        let backend = Backend::start().await;
        let standalone = edit(connected(&backend, &stripe, &clerk));
        Self::start_standalone(stripe, clerk, backend, standalone).await
    }

    async fn start_standalone(
        stripe: FakeStripe,
        clerk: FakeClerk,
        backend: Backend,
        standalone: Standalone,
    ) -> Gateway {
        let envoy = standalone.without_unconfigured_filters().start().await;
        within_one_window(DAY_S).await;
        let client = unpooled().build().unwrap_or_else(|e| panic!("cannot make an HTTP client: {e}"));
        Gateway { envoy, backend, stripe, clerk, client, allows_crashes: AtomicBool::new(false) }
    }

    /// Returns a request to the gateway, to be completed and sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.envoy.url(path))
    }

    /// Returns a GET request to the gateway, to be completed and sent.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// Returns a session token for a user, issued now, with `plan` regardless of the metadata in the fake.
    /// For a token with the fake's metadata use [`FakeClerk::token`]; for one to be changed,
    /// [`Gateway::session`].
    pub fn token(&self, user: &str, plan: &str) -> String {
        self.session(user).plan(plan).sign()
    }

    /// Returns a session token for a user, issued now, without metadata and not signed yet. It is valid for an hour.
    pub fn session(&self, user: &str) -> Token {
        let now = unix_now();
        Token::session(user, now).issuer(self.clerk.issuer()).claim("exp", json!(now + TOKEN_LIFE_S))
    }

    /// Delivers an event to the webhook, signed now with the right secret.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn deliver(&self, event: &Event) -> Response {
        self.deliver_signed(event, unix_now()).await
    }

    /// Delivers an event signed at `signed_at` (Unix seconds).
    ///
    /// # Panics
    /// If there is no response.
    pub async fn deliver_signed(&self, event: &Event, signed_at: i64) -> Response {
        self.deliver_to(&self.envoy, event, signed_at)
            .await
            .unwrap_or_else(|e| panic!("the webhook did not respond: {e}"))
    }

    /// Delivers an event to another Envoy: a [replica](Gateway::replica), or one that is killed during the
    /// delivery.
    ///
    /// # Errors
    /// If there is no response.
    pub async fn deliver_to(
        &self,
        envoy: &Envoy,
        event: &Event,
        signed_at: i64,
    ) -> reqwest::Result<Response> {
        let (body, signature) = event.signed(&[WEBHOOK_SECRET], signed_at);
        let request = self.client.post(envoy.url(WEBHOOK_PATH)).header("stripe-signature", signature);
        let request = request.header("content-type", "application/json; charset=utf-8");
        request.body(body).send().await
    }

    /// Delivers an event of Clerk, signed now with the right secret.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn deliver_from_clerk(&self, event: &ClerkEvent) -> Response {
        self.deliver_from_clerk_at(event, unix_now()).await
    }

    /// Delivers an event of Clerk signed at `signed_at` (Unix seconds).
    ///
    /// # Panics
    /// If there is no response.
    pub async fn deliver_from_clerk_at(&self, event: &ClerkEvent, signed_at: i64) -> Response {
        self.deliver_from_clerk_to(&self.envoy, event, signed_at)
            .await
            .unwrap_or_else(|e| panic!("the webhook did not respond: {e}"))
    }

    /// Delivers an event of Clerk to another Envoy, as [`Gateway::deliver_to`] does.
    ///
    /// # Errors
    /// If there is no response.
    pub async fn deliver_from_clerk_to(
        &self,
        envoy: &Envoy,
        event: &ClerkEvent,
        signed_at: i64,
    ) -> reqwest::Result<Response> {
        let (body, fields) = event.signed(&[EXAMPLE_CLERK_WEBHOOK_SECRET], signed_at);
        let request = self.client.post(envoy.url(CLERK_WEBHOOK_PATH)).body(body);
        let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, value));
        request.send().await
    }

    /// Starts another Envoy in front of the same upstream and the same fakes, as a second replica.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn replica(&self, edit: impl FnOnce(Standalone) -> Standalone) -> Envoy {
        edit(connected(&self.backend, &self.stripe, &self.clerk)).without_unconfigured_filters().start().await
    }

    /// Starts another replica with the billing endpoints.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn replica_with_billing(&self, edit: impl FnOnce(Standalone) -> Standalone) -> Envoy {
        self.replica_with(&[BILLING], edit).await
    }

    /// Starts another replica with the filter of Clerk's webhooks.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn replica_with_clerk_webhook(&self, edit: impl FnOnce(Standalone) -> Standalone) -> Envoy {
        self.replica_with(&[CLERK_WEBHOOK], edit).await
    }

    async fn replica_with(&self, sections: &[&str], edit: impl FnOnce(Standalone) -> Standalone) -> Envoy {
        let shipped = Standalone::load();
        let standalone =
            edit(connected_with(shipped, sections, self.backend.address(), &self.stripe, &self.clerk));
        standalone.without_unconfigured_filters().start().await
    }

    /// Sends `bytes` (see [`wire::request`](crate::client::wire::request)) until each worker has received
    /// them, and returns all responses. Nothing else may be sent meanwhile, since the workers' connections
    /// are counted.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn exchange_with_every_worker(&self, bytes: &[u8]) -> Vec<WireResponse> {
        let before = self.connections_by_worker().await;
        let mut responses = Vec::new();
        loop {
            let response = exchange(self.envoy.address(), bytes).await;
            responses.push(response.unwrap_or_else(|| panic!("the connection ended without a response")));
            let now = self.connections_by_worker().await;
            if now.iter().zip(&before).all(|(now, before)| now > before) {
                return responses;
            }
        }
    }

    /// Returns how many connections each of the two workers has accepted.
    pub async fn connections_by_worker(&self) -> [u64; 2] {
        let stats = self.envoy.stats().await;
        let name = |worker| format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_total");
        [0, 1].map(|worker| stats.value(&name(worker)))
    }

    /// Allows VMs to crash and the dynamic module to panic from now on, for tests of crashes.
    pub fn allow_crashes(&self) {
        self.allows_crashes.store(true, Ordering::Relaxed);
    }

    /// Fails the test if a VM has crashed or the dynamic module has panicked since the start.
    ///
    /// # Panics
    /// If one has, with the count or the log line.
    pub async fn require_no_crash(&self) {
        let stats = self.envoy.stats().await;
        for filter in FILTERS {
            assert_eq!(stats.vm_reloads(filter), 0, "VMs of {filter} have crashed");
        }
        assert_eq!(stats.plugin("tollgate.panics"), 0, "the dynamic module has panicked");
        let log = self.envoy.log();
        let failure = |line: &&str| line.contains(VM_FAILURE) || line.contains(MODULE_PANIC);
        assert_eq!(log.lines().find(failure), None, "a VM has crashed, or the dynamic module has panicked");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() || self.allows_crashes.load(Ordering::Relaxed) {
            return;
        }
        // This may run on a runtime, which must not be blocked, so the check runs on another thread.
        let checked =
            std::thread::scope(|s| s.spawn(|| background().block_on(self.require_no_crash())).join());
        if let Err(failure) = checked {
            std::panic::resume_unwind(failure);
        }
    }
}

/// One gateway for those tests of a file that do not affect each other (each has its own users). The first
/// test that needs it starts it; it is dropped with the last test that uses it, and started again after that.
/// A plain `static` is never dropped, and its processes would keep running.
pub struct SharedGateway {
    edit: fn(Standalone) -> Standalone,
    sections: &'static [&'static str],
    running: Mutex<Weak<Gateway>>,
}

impl SharedGateway {
    /// Returns a shared gateway that is not started yet. `edit` is as in [`Gateway::start`].
    pub const fn new(edit: fn(Standalone) -> Standalone) -> Self {
        SharedGateway { edit, sections: &[], running: Mutex::const_new(Weak::new()) }
    }

    /// Returns a shared gateway with the billing endpoints that is not started yet. `edit` is as in
    /// [`Gateway::start_with_billing`].
    pub const fn with_billing(edit: fn(Standalone) -> Standalone) -> Self {
        SharedGateway { edit, sections: &[BILLING], running: Mutex::const_new(Weak::new()) }
    }

    /// Returns a shared gateway with the filter of Clerk's webhooks that is not started yet. `edit` is as in
    /// [`Gateway::start_with_clerk_webhook`].
    pub const fn with_clerk_webhook(edit: fn(Standalone) -> Standalone) -> Self {
        SharedGateway { edit, sections: &[CLERK_WEBHOOK], running: Mutex::const_new(Weak::new()) }
    }

    /// Returns the gateway, started if it does not run.
    ///
    /// # Panics
    /// If a part of it does not start, with the reason.
    pub async fn gateway(&self) -> Arc<Gateway> {
        let mut running = self.running.lock().await;
        if let Some(gateway) = running.upgrade() {
            return gateway;
        }
        // The fakes are tasks of the runtime that starts them, and each test's runtime ends with the test.
        let started =
            background().spawn(Gateway::start_with(Standalone::load(), self.sections, self.edit)).await;
        let gateway = Arc::new(started.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic())));
        *running = Arc::downgrade(&gateway);
        gateway
    }
}

/// Returns the shipped configuration without the [`OPTIONAL`] sections, with every cluster, key and secret
/// set.
fn connected(backend: &Backend, stripe: &FakeStripe, clerk: &FakeClerk) -> Standalone {
    connected_with(Standalone::load(), &[], backend.address(), stripe, clerk)
}

/// Returns the shipped configuration with all Wasm filters, with every cluster, key and secret set.
pub(crate) fn connected_with_all(upstream: SocketAddr, stripe: &FakeStripe, clerk: &FakeClerk) -> Standalone {
    connected_with(Standalone::wasm(), &OPTIONAL, upstream, stripe, clerk)
}

/// Returns a shipped configuration with these of the [`OPTIONAL`] sections, with every cluster, key and
/// secret set.
fn connected_with(
    shipped: Standalone,
    sections: &[&str],
    upstream: SocketAddr,
    stripe: &FakeStripe,
    clerk: &FakeClerk,
) -> Standalone {
    let addresses = [("upstream", upstream), ("stripe_api", stripe.addr()), ("clerk_api", clerk.addr())];
    let standalone = shipped
        .modules(Modules::build())
        .secret("stripe_api_key", stripe.key())
        .secret("clerk_secret_key", clerk.secret_key())
        .env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET)
        .env("CLERK_JWT_KEY", &KeyPair::first().pem())
        .document(|document| document["plan_gate"]["issuer"] = clerk.issuer().into());
    let standalone = addresses
        .into_iter()
        .fold(standalone, |standalone, (cluster, at)| standalone.upstream_at(cluster, at));
    let left_out = OPTIONAL.into_iter().filter(|name| !sections.contains(name));
    left_out.fold(standalone, Standalone::without_section)
}

/// Returns the runtime for tasks that outlive a single test.
fn background() -> &'static Runtime {
    static BACKGROUND: OnceLock<Runtime> = OnceLock::new();
    BACKGROUND.get_or_init(|| Runtime::new().unwrap_or_else(|e| panic!("cannot make a runtime: {e}")))
}
