//! The gateway of a hostile day, those who may use it, and those who may not.

use super::{ATTACK_MAX, Phase, Tally, apis, below, bytes, reloads, tokens, unfinished, webhooks};
use crate::client::wire::{WireResponse, request, try_exchange};
use crate::fakes::faults::SplitMix64;
use crate::fakes::server::unix_now;
use crate::fakes::stripe::model::{Customer, PERIOD_S, Price, Subscription};
use crate::processes::envoy::Standalone;
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

/// How many attack at once.
const ATTACKERS: u64 = 12;
/// How many use the gateway as they may, meanwhile.
const CLIENTS: u64 = 3;
/// How long a good request may take on a machine on which all this happens.
const GOOD_MAX: Duration = Duration::from_secs(20);
/// How long tokens of this day live, in seconds.
const LIFE_S: i64 = 7_200;

/// The subscriber whose events are true.
const PAYER: &str = "payer";

/// Everything of one hostile day.
pub struct Day {
    /// The gateway.
    pub gateway: Gateway,
    /// Tokens of those who may: on `pro`.
    pub(super) good: Vec<String>,
    /// Tokens of those who may not go to `/reports`: on `free`. So many that no worker remembers them all.
    pub(super) others: Vec<String>,
    /// Of somebody on `free` who has used up their day.
    spent: String,
    /// Held by who configures the listener anew: one at a time.
    pub(super) reloading: Mutex<()>,
    seed: AtomicU64,
}

impl Day {
    /// Starts the gateway, with `others` tokens that differ.
    pub async fn begin(others: usize) -> Arc<Day> {
        let gateway = Gateway::start(configured).await;
        let good = (0..16).map(|n| token(&gateway, &format!("user_good{n}"), "pro")).collect();
        let (others, gateway) = sign(gateway, others).await;
        let spent = token(&gateway, "user_spent", "free");
        let seed = AtomicU64::new(20_261_126);
        let day = Day { gateway, good, others, spent, reloading: Mutex::default(), seed };
        day.gateway.clerk.put_user(crate::fakes::clerk::User::new(&format!("user_{PAYER}")));
        day.gateway.stripe.account(|account| {
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
            day.ask("/ask", &day.spent).await;
        }
        day.all_is_well("at the beginning").await;
        Arc::new(day)
    }

    /// That trouble, for so long. Afterwards all must be well.
    ///
    /// # Panics
    /// When somebody is served who may not be, or not served who may.
    pub async fn suffer(self: &Arc<Self>, phase: Phase, length: Duration) -> Tally {
        let end = Instant::now() + length;
        if let Some(fault) = phase.fault_of_services() {
            fault(&self.gateway);
        }
        let mut tasks = JoinSet::new();
        for _ in 0..ATTACKERS {
            let (day, mut random) = (Arc::clone(self), self.random());
            tasks.spawn(async move {
                let mut tally = Tally::default();
                while Instant::now() < end {
                    let answer = phase.attack(&day, &mut random).await;
                    tally.attacks += 1;
                    tally.answered += u64::from(answer.is_some());
                }
                tally
            });
        }
        for _ in 0..CLIENTS {
            let (day, mut random) = (Arc::clone(self), self.random());
            tasks.spawn(async move {
                let mut tally = Tally::default();
                while Instant::now() < end {
                    day.good_request(&mut random).await;
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
        self.all_is_well(&format!("after {phase:?}")).await;
        total
    }

    /// What Envoy's process holds of the machine's memory, in bytes.
    ///
    /// # Panics
    /// When Envoy has ended.
    pub fn memory(&self) -> u64 {
        resident_bytes(self.gateway.envoy.process_id())
    }

    /// Those who may are served on every worker, those who may not are not, and a true event does its work.
    async fn all_is_well(&self, when: &str) {
        let field = format!("authorization: Bearer {}\r\n", self.good[0]);
        for answer in self.gateway.exchange_with_every_worker(&request("GET", "/reports", field, b"")).await {
            assert_eq!(answer.status, 200, "{when}: {answer:?}");
        }
        self.spent_is_refused().await;
        let event = self.gateway.stripe.event("customer.subscription.updated", &format!("sub_{PAYER}"));
        let answer = self.gateway.deliver(&event).await;
        let status = answer.status();
        assert_eq!(status, 200, "{when}: {:?}", answer.text().await);
        assert_eq!(self.gateway.clerk.plan(&format!("user_{PAYER}")).as_deref(), Some("pro"), "{when}");
        self.gateway.require_no_crash().await;
    }

    /// One of those that must be served, or must not.
    async fn good_request(&self, random: &mut SplitMix64) {
        if below(random, 8) == 0 {
            return self.spent_is_refused().await;
        }
        let token = &self.good[below(random, self.good.len())];
        let answer = self.ask("/reports", token).await;
        assert_eq!(answer.status, 200, "who may is not served: {answer:?}");
    }

    async fn spent_is_refused(&self) {
        let answer = self.ask("/ask", &self.spent).await;
        assert_eq!(answer.status, 429, "who has used up their day: {answer:?}");
    }

    async fn ask(&self, path: &str, token: &str) -> WireResponse {
        let bytes = request("GET", path, format!("authorization: Bearer {token}\r\n"), b"");
        let answer = tokio::time::timeout(GOOD_MAX, try_exchange(self.gateway.envoy.address(), &bytes)).await;
        answer.ok().flatten().unwrap_or_else(|| panic!("a good request to {path} gets no answer"))
    }

    /// Sends an attack. Nothing if no answer comes.
    pub(super) async fn attack(&self, bytes: &[u8]) -> Option<WireResponse> {
        let sent = try_exchange(self.gateway.envoy.address(), bytes);
        tokio::time::timeout(ATTACK_MAX, sent).await.ok().flatten()
    }

    /// The same, by somebody who may not: nobody must be served.
    pub(super) async fn refused(&self, bytes: &[u8]) -> Option<WireResponse> {
        let answer = self.attack(bytes).await;
        let served = answer.as_ref().is_some_and(|answer| (200..300).contains(&answer.status));
        assert!(!served, "served: {}\n{answer:?}", String::from_utf8_lossy(bytes));
        answer
    }

    /// Begins to send a request whose connection ends somewhere in the middle.
    pub(super) async fn cut_off(&self, bytes: &[u8], random: &mut SplitMix64) -> Option<WireResponse> {
        let end = below(random, bytes.len());
        let mut stream = TcpStream::connect(self.gateway.envoy.address()).await.ok()?;
        stream.write_all(bytes.get(..end)?).await.ok()?;
        None
    }

    /// The delivery of a true event about the subscriber who pays, signed now.
    pub(super) fn delivery(&self) -> Vec<u8> {
        let event = self.gateway.stripe.event("customer.subscription.updated", &format!("sub_{PAYER}"));
        let (body, signature) = event.signed(&[WEBHOOK_SECRET], unix_now());
        request("POST", WEBHOOK_PATH, format!("stripe-signature: {signature}\r\n"), &body)
    }

    fn random(&self) -> SplitMix64 {
        SplitMix64(self.seed.fetch_add(1, Ordering::Relaxed))
    }
}

impl Phase {
    async fn attack(self, day: &Day, random: &mut SplitMix64) -> Option<WireResponse> {
        match self {
            Phase::Bytes => bytes::attack(day, random).await,
            Phase::Cookies => bytes::cookies(day, random).await,
            Phase::Tokens => tokens::attack(day, random).await,
            Phase::Keys => tokens::of_unknown_keys(day, random).await,
            Phase::Webhooks => webhooks::attack(day, random).await,
            Phase::Apis => apis::attack(day).await,
            Phase::Unfinished => unfinished::attack(day, random).await,
            Phase::Reloads => reloads::attack(day, random).await,
        }
    }

    /// What is wrong with Stripe and Clerk meanwhile.
    fn fault_of_services(self) -> Option<fn(&Gateway)> {
        match self {
            Phase::Keys => Some(tokens::spoil_keys),
            Phase::Apis => Some(apis::spoil),
            _ => None,
        }
    }
}

/// A session token that lives as long as the day.
pub(super) fn token(gateway: &Gateway, user: &str, plan: &str) -> String {
    gateway.session(user).plan(plan).claim("exp", json!(unix_now() + LIFE_S)).sign()
}

/// So many tokens of different users, on all processors: a signature takes a millisecond.
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

/// The shipped configuration with keys that are fetched, a rule for `pro`, and Envoy's own answer in the place of a
/// service, so that what is measured is the gateway.
fn configured(standalone: Standalone) -> Standalone {
    let yaml = |json: serde_json::Value| serde_norway::to_value(json).unwrap_or_default();
    let standalone = standalone.without_env("CLERK_JWT_KEY").document(|document| {
        let jwks =
            json!({"jwks": {"cluster": "clerk_api", "authority": "clerk.example.com", "timeout_ms": 2000}});
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
    standalone.reloadable().answering_itself()
}
