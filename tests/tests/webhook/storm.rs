//! Two hundred events of twenty customers, shuffled, each delivered three times, at two Envoys, while a fifth
//! of all responses of Stripe and Clerk fails: after the retries every customer has the plan that is paid for.
//! The same with Clerk Billing as a second source, while one of the Envoys is killed.

use crate::shared::{ENTERPRISE, PRO, Payer, RESPONSE_TIME_MAX, with_plans};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tollgate_fixtures::Random;
use tollgate_tests::fakes::clerk::billing::{BillingPlan, ClerkEvent};
use tollgate_tests::fakes::faults::{Fault, Faults, any, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::fakes::stripe::model::Subscription;
use tollgate_tests::processes::envoy::{Envoy, Standalone};
use tollgate_tests::processes::gateway::Gateway;

const CUSTOMERS: usize = 20;
const EVENTS_EACH: usize = 10;
const DELIVERIES: usize = 3;
/// The numbers of the storm with both sources. Clerk sends several events about one change.
const SUBJECTS_OF_BOTH: usize = 12;
const CHANGES_OF_BOTH: usize = 3;
/// The number of concurrent deliveries. With many more, a busy machine answers none of them in time.
const AT_ONCE: usize = 60;
/// The maximum number of retries of a delivery before the test fails.
const TRIES_MAX: u32 = 100;
const SEED: u64 = 20_261_121;

/// Makes a fifth of all responses fail, in each way in which a response can fail.
fn fail_a_fifth(faults: &Faults, seed: u64) {
    let kinds =
        [Fault::Reset, Fault::LoseResponse, Fault::ResetMidBody, Fault::unavailable(), Fault::garbage()];
    for (index, fault) in (0..).zip(kinds) {
        // Each rule applies only to requests that those before it left: the five add up to 0.2.
        faults.sometimes(0.0436, seed + index, any(), fault);
    }
}

fn shuffle<T>(list: &mut [T], random: &mut Random) {
    for last in (1..list.len()).rev() {
        let other = usize::try_from(random.bits() % (last as u64 + 1)).expect("a small number");
        list.swap(last, other);
    }
}

/// Returns the position of a plan in the document.
fn rank(plan: &str) -> Option<usize> {
    ["free", "pro", "enterprise"].into_iter().position(|name| name == plan)
}

/// Changes a subscription, and returns the event that Stripe sends about it.
fn step(gateway: &Gateway, payer: &Payer, random: &mut Random) -> Event {
    let choice = random.bits() % 4;
    payer.change(gateway, |subscription: &mut Subscription| {
        let (status, price) = match choice {
            0 => ("active", PRO),
            1 => ("active", ENTERPRISE),
            2 => ("unpaid", PRO),
            _ => ("trialing", ENTERPRISE),
        };
        status.clone_into(&mut subscription.status);
        price.clone_into(&mut subscription.items[0].price);
    })
}

/// Changes the billing subscription of a user at Clerk, who then sends events about it.
fn step_at_clerk(gateway: &Gateway, payer: &Payer, random: &mut Random) {
    match random.bits() % 3 {
        0 => gateway.clerk.subscribe(&payer.user, "pro"),
        1 => gateway.clerk.subscribe(&payer.user, "enterprise"),
        _ => gateway.clerk.end_billing(&payer.user),
    }
}

/// Mirrors Clerk Billing, with the plans of these tests.
fn with_both_sources(standalone: Standalone) -> Standalone {
    with_plans(standalone).document(|document| document["clerk_webhook"]["billing"] = "mirror".into())
}

/// An event of either sender.
#[derive(Clone, Debug)]
enum SentEvent {
    Stripe(Event),
    Clerk(ClerkEvent),
}

/// The sources at which a user's plan changes. The other one, if any, sells `pro` all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changing {
    Stripe,
    Clerk,
    Both,
}

/// All paying users, and the gateways to which Stripe and Clerk deliver.
struct Storm {
    gateway: Gateway,
    /// A second gateway, if there are two.
    other: Option<Envoy>,
    payers: Vec<Payer>,
    /// Whether Clerk Billing is a source too.
    has_clerk_billing: bool,
    /// Whether the second gateway was killed.
    is_other_killed: AtomicBool,
    at_once: Semaphore,
}

impl Storm {
    async fn start(gateways: usize) -> Arc<Storm> {
        let gateway = Gateway::start(with_plans).await;
        let other = if gateways > 1 { Some(gateway.replica(with_plans).await) } else { None };
        let name = |number| format!("storm{number:02}");
        let payers: Vec<_> = (0..CUSTOMERS).map(|number| Payer::new(&gateway, &name(number), PRO)).collect();
        Self::of(gateway, other, payers, false)
    }

    /// Starts one with two gateways, at which Clerk Billing is a source too.
    async fn start_with_both_sources() -> Arc<Storm> {
        let gateway = Gateway::start_with_clerk_webhook(with_both_sources).await;
        let other = gateway.replica_with_clerk_webhook(with_both_sources).await;
        gateway.clerk.put_billing_plan(BillingPlan::new("free_user").default_plan());
        gateway.clerk.put_billing_plan(BillingPlan::new("pro"));
        gateway.clerk.put_billing_plan(BillingPlan::new("enterprise"));
        let name = |number| format!("both{number:02}");
        let payers = (0..SUBJECTS_OF_BOTH).map(|number| Payer::new(&gateway, &name(number), PRO));
        let payers: Vec<_> = payers.collect();
        for payer in &payers {
            gateway.clerk.open_billing(&payer.user);
            gateway.clerk.subscribe(&payer.user, "pro");
        }
        let storm = Self::of(gateway, Some(other), payers, true);
        // After an event of each subscription, Clerk's record lists its customer, which a sync for an event of
        // Clerk reads as well.
        let first = storm.payers.iter().map(|payer| SentEvent::Stripe(payer.change(&storm.gateway, |_| {})));
        let first: Vec<SentEvent> = first.collect();
        storm.deliver(&first, 1, 0, &mut Random::from_seed(SEED)).join_all().await;
        storm
    }

    fn of(gateway: Gateway, other: Option<Envoy>, payers: Vec<Payer>, has_clerk_billing: bool) -> Arc<Storm> {
        for payer in &payers {
            gateway.stripe.put(payer.checkout().metadata("clerk_user_id", &payer.user));
        }
        fail_a_fifth(gateway.stripe.faults(), SEED);
        fail_a_fifth(gateway.clerk.faults(), SEED + 100);
        let (is_other_killed, at_once) = (AtomicBool::new(false), Semaphore::new(AT_ONCE));
        Arc::new(Storm { gateway, other, payers, has_clerk_billing, is_other_killed, at_once })
    }

    /// Returns the users, each with the sources at which its plan changes.
    fn changing(&self) -> impl Iterator<Item = (&Payer, Changing)> {
        let changing: &[Changing] = match self.has_clerk_billing {
            true => &[Changing::Stripe, Changing::Clerk, Changing::Both],
            false => &[Changing::Stripe],
        };
        self.payers.iter().zip(changing.iter().copied().cycle())
    }

    /// Changes what each user pays for `steps` times, at each source where it changes. Returns all events.
    fn change_all(&self, steps: usize, random: &mut Random) -> Vec<SentEvent> {
        let mut events = Vec::new();
        for (payer, changing) in self.changing() {
            for _ in 0..steps {
                if changing != Changing::Clerk {
                    events.push(SentEvent::Stripe(step(&self.gateway, payer, random)));
                }
                if changing != Changing::Stripe {
                    step_at_clerk(&self.gateway, payer, random);
                }
            }
        }
        events.extend(self.gateway.clerk.take_billing_events().into_iter().map(SentEvent::Clerk));
        events
    }

    /// Kills the second gateway as `kill -9` does, whatever it is doing.
    fn kill_other(&self) {
        self.is_other_killed.store(true, Ordering::SeqCst);
        let id = self.other.as_ref().expect("a second gateway").process_id().to_string();
        let killed = std::process::Command::new("kill").args(["-KILL", &id]).status().expect("kill");
        assert!(killed.success());
    }

    /// Starts to deliver each event `times` times, shuffled, signed `later_s` seconds after now.
    fn deliver(
        self: &Arc<Self>,
        events: &[SentEvent],
        times: usize,
        later_s: i64,
        random: &mut Random,
    ) -> JoinSet<()> {
        let mut queue: Vec<SentEvent> = std::iter::repeat_n(events, times).flatten().cloned().collect();
        shuffle(&mut queue, random);
        let mut deliveries = JoinSet::new();
        for event in queue {
            let (storm, seed) = (Arc::clone(self), random.bits());
            deliveries.spawn(async move { storm.deliver_until_accepted(&event, later_s, seed).await });
        }
        deliveries
    }

    /// Delivers as Stripe and Clerk do: repeatedly, each time with a new signature.
    async fn deliver_until_accepted(&self, event: &SentEvent, later_s: i64, seed: u64) {
        let _turn = self.at_once.acquire().await.expect("never closed");
        let mut random = Random::from_seed(seed);
        for _ in 0..TRIES_MAX {
            let other = self.other.as_ref().filter(|_| random.bits().is_multiple_of(2));
            let envoy = other.unwrap_or(&self.gateway.envoy);
            let began = Instant::now();
            let signed_at = unix_now() + later_s;
            let response = match event {
                SentEvent::Stripe(event) => self.gateway.deliver_to(envoy, event, signed_at).await,
                SentEvent::Clerk(event) => self.gateway.deliver_from_clerk_to(envoy, event, signed_at).await,
            };
            let took = began.elapsed();
            assert!(took <= RESPONSE_TIME_MAX, "answered after {took:?}");
            let pause = Duration::from_millis(20 + random.bits() % 200);
            match response {
                Ok(response) if response.status() == 200 => return,
                Ok(response) if response.status() == 503 => tokio::time::sleep(pause).await,
                Ok(response) => {
                    panic!("{}: {}", response.status(), response.text().await.unwrap_or_default())
                }
                Err(_) if other.is_some() && self.is_other_killed.load(Ordering::SeqCst) => {
                    tokio::time::sleep(pause).await;
                }
                Err(error) => panic!("no response: {error}"),
            }
        }
        panic!("{event:?} was not accepted after {TRIES_MAX} tries");
    }

    fn require_paid_plans(&self) {
        for payer in &self.payers {
            let subscription: Subscription = self.gateway.stripe.get(&payer.subscription);
            let at_stripe = match (subscription.status.as_str(), subscription.items[0].price.as_str()) {
                ("unpaid", _) => "free",
                (_, ENTERPRISE) => "enterprise",
                _ => "pro",
            };
            let plan = [at_stripe, self.plan_at_clerk(payer)].into_iter().max_by_key(|plan| rank(plan));
            assert_eq!(payer.plan(&self.gateway).as_deref(), plan, "{}", payer.user);
            if !self.has_clerk_billing {
                let status = &self.gateway.clerk.public_metadata(&payer.user)["subscription"]["status"];
                assert_eq!(*status, subscription.status, "{}", payer.user);
            }
        }
    }

    /// Returns the plan that Clerk Billing sells to a user now.
    fn plan_at_clerk(&self, payer: &Payer) -> &'static str {
        let items = self.gateway.clerk.billing_items(&payer.user);
        let active = items.iter().filter(|item| item.status == "active");
        let slugs = active.filter_map(|item| Some(item.plan.as_ref()?.slug.as_str()));
        let plans = slugs.filter_map(|slug| ["pro", "enterprise"].into_iter().find(|plan| *plan == slug));
        plans.max_by_key(|plan| rank(plan)).unwrap_or("free")
    }

    /// Requires that no write ever gave the default plan to a user whom one source sold `pro` all the time.
    fn require_no_plan_lost(&self) {
        for (payer, _) in self.changing().filter(|(_, changing)| *changing != Changing::Both) {
            let writes = on("PATCH", &format!("/v1/users/{}/", payer.user));
            let log = self.gateway.clerk.log();
            assert!(log.count(&writes) > 0, "{} was never written", payer.user);
            assert_eq!(log.count(&writes.containing(r#""plan":"free""#)), 0, "{}", payer.user);
        }
    }

    /// Returns the audit lines about a user.
    fn audited(&self, payer: &Payer) -> Vec<Value> {
        let envoys = std::iter::once(&self.gateway.envoy).chain(&self.other);
        let lines = envoys.flat_map(|envoy| envoy.log().lines().map(str::to_owned).collect::<Vec<_>>());
        let lines = lines.filter_map(|line| {
            let json = line.get(line.find("{\"audit\":")?..)?;
            serde_json::Deserializer::from_str(json).into_iter::<Value>().next()?.ok()
        });
        lines.filter(|line| line["subject"] == payer.user.as_str()).collect()
    }

    /// Returns how often the public metadata of a user were written at Clerk.
    fn written(&self, payer: &Payer) -> usize {
        let writes = on("PATCH", &format!("/v1/users/{}/", payer.user)).containing("public_metadata");
        self.gateway.clerk.log().count(&writes)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_storm_every_customer_has_the_plan_that_is_paid_for() {
    let storm = Storm::start(2).await;
    let mut random = Random::from_seed(SEED);
    let first = storm.change_all(EVENTS_EACH / 2, &mut random);
    let mut deliveries = storm.deliver(&first, DELIVERIES, 0, &mut random);
    // The rest happens while half of these deliveries are still in progress.
    for _ in 0..deliveries.len() / 2 {
        deliveries.join_next().await.expect("one more").expect("no panic");
    }
    let second = storm.change_all(EVENTS_EACH - EVENTS_EACH / 2, &mut random);
    let more = storm.deliver(&second, DELIVERIES, 0, &mut random);
    deliveries.join_all().await;
    more.join_all().await;
    storm.require_paid_plans();
    let mut audited = 0;
    for payer in &storm.payers {
        let (lines, written) = (storm.audited(payer).len(), storm.written(payer));
        assert!(lines <= written, "{}: {lines} lines of {written} writes", payer.user);
        audited += lines;
    }
    assert!(audited >= CUSTOMERS, "the audit has {audited} lines");

    // The same state once more, with failures as before: there is nothing to write.
    let clerk = storm.gateway.clerk.log();
    let before = clerk.writes();
    let all = [first, second].concat();
    storm.deliver(&all, 1, 120, &mut random).join_all().await;
    storm.require_paid_plans();
    assert_eq!(clerk.writes(), before, "a user was written whose plan was right already");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_higher_of_two_sources_counts_although_a_gateway_is_killed() {
    let storm = Storm::start_with_both_sources().await;
    let mut random = Random::from_seed(SEED + 1);
    let first = storm.change_all(CHANGES_OF_BOTH, &mut random);
    let mut deliveries = storm.deliver(&first, 2, 0, &mut random);
    for _ in 0..deliveries.len() / 2 {
        deliveries.join_next().await.expect("one more").expect("no panic");
    }
    storm.kill_other();
    let second = storm.change_all(CHANGES_OF_BOTH, &mut random);
    let more = storm.deliver(&second, 2, 0, &mut random);
    deliveries.join_all().await;
    more.join_all().await;
    storm.require_paid_plans();
    storm.require_no_plan_lost();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_gateway_audits_each_change_of_a_plan_once() {
    let storm = Storm::start(1).await;
    let mut random = Random::from_seed(SEED);
    let events = storm.change_all(EVENTS_EACH, &mut random);
    storm.deliver(&events, DELIVERIES, 0, &mut random).join_all().await;
    storm.require_paid_plans();
    for payer in &storm.payers {
        let plans = |line: &Value| (line["old_plan"].clone(), line["new_plan"].clone());
        let changes: Vec<_> =
            storm.audited(payer).iter().map(plans).filter(|(old, new)| old != new).collect();
        assert!(!changes.is_empty(), "{}", payer.user);
        let twice = changes.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(twice, None, "{}: {changes:?}", payer.user);
    }
}
