//! One run of the attack test: the gateway, its clients, and the attackers.

use super::{ATTACK_MAX, Phase, Tally, apis, bytes, reloads, tokens, unfinished, webhooks};
use crate::client::wire::{WireResponse, request, try_exchange};
use crate::fakes::server::unix_now;
use crate::fakes::stripe::model::{Customer, PERIOD_S, Price, Subscription};
use crate::processes::envoy::{Standalone, yaml};
use crate::processes::gateway::{Gateway, WEBHOOK_PATH, WEBHOOK_SECRET};
use crate::processes::process::resident_bytes;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tollgate_fixtures::Random;

/// The number of attackers that send requests concurrently.
const ATTACKERS: u64 = 12;
/// The number of clients that send permitted requests meanwhile.
const CLIENTS: u64 = 3;
/// The maximum duration of a permitted request during an attack.
const GOOD_MAX: Duration = Duration::from_secs(30);
/// The lifetime of the tokens, in seconds.
const LIFE_S: i64 = 7_200;

/// The subscriber whose events are authentic.
const PAYER: &str = "payer";

/// One run of the attack test.
pub struct AttackRun {
    /// The gateway.
    pub gateway: Gateway,
    /// Tokens of users on `pro`.
    pub(super) permitted: Vec<String>,
    /// Tokens of users on `free`, who may not use `/reports`. More than a worker's cache can hold.
    pub(super) others: Vec<String>,
    /// The token of a user on `free` whose quota is used up.
    spent: String,
    /// Locked by the task that reconfigures the listener: one at a time.
    pub(super) reloading: Mutex<()>,
    seed: AtomicU64,
}

impl AttackRun {
    /// Starts the gateway and signs `others` different tokens.
    pub async fn start(others: usize) -> Arc<AttackRun> {
        let gateway = Gateway::start(configured).await;
        let permitted = (0..16).map(|n| token(&gateway, &format!("user_good{n}"), "pro")).collect();
        let (others, gateway) = sign(gateway, others).await;
        let spent = token(&gateway, "user_spent", "free");
        let seed = AtomicU64::new(20_261_126);
        let run = AttackRun { gateway, permitted, others, spent, reloading: Mutex::default(), seed };
        run.gateway.clerk.put_user(crate::fakes::clerk::User::new(&format!("user_{PAYER}")));
        run.gateway.stripe.account(|account| {
            account.put(Price::new("price_123"));
            account.put(Customer::new(&format!("cus_{PAYER}")));
            let now = unix_now();
            let mut subscription =
                Subscription::new(&format!("sub_{PAYER}"), &format!("cus_{PAYER}")).item("price_123");
            subscription = subscription.period(now, now + PERIOD_S);
            subscription.metadata.insert("clerk_user_id".to_owned(), format!("user_{PAYER}"));
            account.put(subscription);
        });
        for _ in 0..5 {
            run.ask("/ask", &run.spent).await;
        }
        run.check_service("at the start").await;
        Arc::new(run)
    }

    /// Runs a phase of that length, and then checks that everything works.
    ///
    /// # Panics
    /// If a forbidden request is served, or a permitted one is not.
    pub async fn run_phase(self: &Arc<Self>, phase: Phase, length: Duration) -> Tally {
        let end = Instant::now() + length;
        if let Some(add_faults) = phase.faults() {
            add_faults(&self.gateway);
        }
        let mut tasks = JoinSet::new();
        for _ in 0..ATTACKERS {
            let (run, mut random) = (Arc::clone(self), self.random());
            tasks.spawn(async move {
                let mut tally = Tally::default();
                while Instant::now() < end {
                    let response = phase.attack(&run, &mut random).await;
                    tally.attacks += 1;
                    tally.answered += u64::from(response.is_some());
                }
                tally
            });
        }
        for _ in 0..CLIENTS {
            let (run, mut random) = (Arc::clone(self), self.random());
            tasks.spawn(async move {
                let mut tally = Tally::default();
                while Instant::now() < end {
                    run.send_permitted(&mut random).await;
                    tally.served += 1;
                }
                tally
            });
        }
        let mut total = Tally::default();
        while let Some(ended) = tasks.join_next().await {
            let tally = ended.unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()));
            total.attacks += tally.attacks;
            total.answered += tally.answered;
            total.served += tally.served;
        }
        self.gateway.stripe.faults().clear();
        self.gateway.clerk.faults().clear();
        self.check_service(&format!("after {phase:?}")).await;
        total
    }

    /// Returns how much memory Envoy's process uses, in bytes.
    ///
    /// # Panics
    /// If Envoy has ended.
    pub fn memory(&self) -> u64 {
        resident_bytes(self.gateway.envoy.process_id())
    }

    /// Checks that permitted requests are served on every worker, forbidden ones are not, and an event
    /// changes a plan.
    async fn check_service(&self, when: &str) {
        let field = format!("authorization: Bearer {}\r\n", self.permitted[0]);
        for response in self.gateway.exchange_with_every_worker(&request("GET", "/reports", field, b"")).await
        {
            assert_eq!(response.status, 200, "{when}: {response:?}");
        }
        self.spent_is_refused().await;
        let event = self.gateway.stripe.event("customer.subscription.updated", &format!("sub_{PAYER}"));
        let response = self.gateway.deliver(&event).await;
        let status = response.status();
        assert_eq!(status, 200, "{when}: {:?}", response.text().await);
        assert_eq!(self.gateway.clerk.plan(&format!("user_{PAYER}")).as_deref(), Some("pro"), "{when}");
        self.gateway.require_no_crash().await;
    }

    /// Sends a request that must be served, or one whose quota is used up.
    async fn send_permitted(&self, random: &mut Random) {
        if random.below(8) == 0 {
            return self.spent_is_refused().await;
        }
        let token = &self.permitted[random.below(self.permitted.len())];
        let response = self.ask("/reports", token).await;
        assert_eq!(response.status, 200, "a permitted request is not served: {response:?}");
    }

    async fn spent_is_refused(&self) {
        let response = self.ask("/ask", &self.spent).await;
        assert_eq!(response.status, 429, "a user whose quota is used up: {response:?}");
    }

    async fn ask(&self, path: &str, token: &str) -> WireResponse {
        let bytes = request("GET", path, format!("authorization: Bearer {token}\r\n"), b"");
        let response =
            tokio::time::timeout(GOOD_MAX, try_exchange(self.gateway.envoy.address(), &bytes)).await;
        response.ok().flatten().unwrap_or_else(|| panic!("a permitted request to {path} gets no response"))
    }

    /// Sends an attack. Returns `None` if there is no response in time.
    pub(super) async fn attack(&self, bytes: &[u8]) -> Option<WireResponse> {
        let sent = try_exchange(self.gateway.envoy.address(), bytes);
        tokio::time::timeout(ATTACK_MAX, sent).await.ok().flatten()
    }

    /// Sends a request that is forbidden, and checks that it is not served.
    pub(super) async fn refused(&self, bytes: &[u8]) -> Option<WireResponse> {
        let response = self.attack(bytes).await;
        let served = response.as_ref().is_some_and(|response| (200..300).contains(&response.status));
        assert!(!served, "served: {}\n{response:?}", String::from_utf8_lossy(bytes));
        response
    }

    /// Starts a request and closes the connection at a random point.
    pub(super) async fn cut_off(&self, bytes: &[u8], random: &mut Random) -> Option<WireResponse> {
        let end = random.below(bytes.len());
        let mut stream = TcpStream::connect(self.gateway.envoy.address()).await.ok()?;
        stream.write_all(bytes.get(..end)?).await.ok()?;
        None
    }

    /// Returns the delivery of an authentic event about the paying subscriber, signed now.
    pub(super) fn delivery(&self) -> Vec<u8> {
        let event = self.gateway.stripe.event("customer.subscription.updated", &format!("sub_{PAYER}"));
        let (body, signature) = event.signed(&[WEBHOOK_SECRET], unix_now());
        request("POST", WEBHOOK_PATH, format!("stripe-signature: {signature}\r\n"), &body)
    }

    fn random(&self) -> Random {
        Random::from_seed(self.seed.fetch_add(1, Ordering::Relaxed))
    }
}

impl Phase {
    async fn attack(self, run: &AttackRun, random: &mut Random) -> Option<WireResponse> {
        match self {
            Phase::Bytes => bytes::attack(run, random).await,
            Phase::Cookies => bytes::cookies(run, random).await,
            Phase::Tokens => tokens::attack(run, random).await,
            Phase::Keys => tokens::with_unknown_key(run, random).await,
            Phase::Webhooks => webhooks::attack(run, random).await,
            Phase::Apis => apis::attack(run).await,
            Phase::Unfinished => unfinished::attack(run, random).await,
            Phase::Reloads => reloads::attack(run, random).await,
        }
    }

    /// Returns the function that makes Stripe or Clerk fail during the phase, if it has one.
    fn faults(self) -> Option<fn(&Gateway)> {
        match self {
            Phase::Keys => Some(tokens::add_key_faults),
            Phase::Apis => Some(apis::add_faults),
            _ => None,
        }
    }
}

/// Returns a session token that is valid for the whole run.
pub(super) fn token(gateway: &Gateway, user: &str, plan: &str) -> String {
    gateway.session(user).plan(plan).claim("exp", json!(unix_now() + LIFE_S)).sign()
}

/// Signs `number` tokens of different users, on all processors: a signature takes a millisecond.
async fn sign(gateway: Gateway, number: usize) -> (Vec<String>, Gateway) {
    let gateway = Arc::new(gateway);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut tasks = JoinSet::new();
    for worker in 0..workers {
        let gateway = Arc::clone(&gateway);
        tasks.spawn_blocking(move || {
            let mine = (worker..number).step_by(workers);
            mine.map(|n| token(&gateway, &format!("user_other{n}"), "free")).collect::<Vec<_>>()
        });
    }
    let tokens = tasks.join_all().await.concat();
    (tokens, Arc::into_inner(gateway).unwrap_or_else(|| unreachable!("all tasks have ended")))
}

/// Returns the shipped configuration with fetched keys, a rule for `pro`, and Envoy's own response in place
/// of an upstream, so that the measurements are about the gateway alone.
fn configured(standalone: Standalone) -> Standalone {
    let standalone = standalone.without_env("CLERK_JWT_KEY").document(|document| {
        let jwks =
            json!({"jwks": {"cluster": "clerk_api", "authority": "clerk.example.com", "timeout_ms": 8000}});
        document["plan_gate"]["keys"] = yaml(jwks);
        document["stripe_webhook"]["livemode"] = false.into();
        // A path in which a byte was changed is guarded too.
        document["plan_gate"]["unmatched"] = "require_token".into();
        document["plan_gate"]["rules"] = yaml(json!([
            {"name": "ask", "path_prefix": "/ask", "limit": "asks"},
            {"name": "reports", "path_prefix": "/reports", "require": {"plan": "pro"}},
            {"name": "me", "path_prefix": "/me"},
        ]));
    });
    standalone.reloadable().with_direct_responses()
}
