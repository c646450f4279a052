//! Two hundred events of twenty customers, shuffled, each delivered three times, at two Envoys, while a fifth
//! of all responses of Stripe and Clerk fails: after Stripe's retries every customer has the plan that is
//! paid for.

use crate::shared::{ENTERPRISE, PRO, Payer, RESPONSE_TIME_MAX, with_plans};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tollgate_fixtures::Random;
use tollgate_tests::fakes::faults::{Fault, Faults, any, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::fakes::stripe::model::Subscription;
use tollgate_tests::processes::envoy::Envoy;
use tollgate_tests::processes::gateway::Gateway;

const CUSTOMERS: usize = 20;
const EVENTS_EACH: usize = 10;
const DELIVERIES: usize = 3;
/// The number of concurrent deliveries.
const AT_ONCE: usize = 200;
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

/// All paying users, and the gateways to which Stripe delivers.
struct Storm {
    gateway: Gateway,
    /// A second gateway, if there are two.
    other: Option<Envoy>,
    payers: Vec<Payer>,
    at_once: Semaphore,
}

impl Storm {
    async fn start(gateways: usize) -> Arc<Storm> {
        let gateway = Gateway::start(with_plans).await;
        let other = if gateways > 1 { Some(gateway.replica(with_plans).await) } else { None };
        let name = |number| format!("storm{number:02}");
        let payers: Vec<_> = (0..CUSTOMERS).map(|number| Payer::new(&gateway, &name(number), PRO)).collect();
        for payer in &payers {
            gateway.stripe.put(payer.checkout().metadata("clerk_user_id", &payer.user));
        }
        fail_a_fifth(gateway.stripe.faults(), SEED);
        fail_a_fifth(gateway.clerk.faults(), SEED + 100);
        Arc::new(Storm { gateway, other, payers, at_once: Semaphore::new(AT_ONCE) })
    }

    /// Changes each subscription `steps` times. Returns the events of all of them in order.
    fn change_all(&self, steps: usize, random: &mut Random) -> Vec<Event> {
        let of_each = self.payers.iter().flat_map(|payer| std::iter::repeat_n(payer, steps));
        of_each.map(|payer| step(&self.gateway, payer, random)).collect()
    }

    /// Starts to deliver each event `times` times, shuffled, signed `later_s` seconds after now.
    fn deliver(
        self: &Arc<Self>,
        events: &[Event],
        times: usize,
        later_s: i64,
        random: &mut Random,
    ) -> JoinSet<()> {
        let mut queue: Vec<Event> = std::iter::repeat_n(events, times).flatten().cloned().collect();
        shuffle(&mut queue, random);
        let mut deliveries = JoinSet::new();
        for event in queue {
            let (storm, seed) = (Arc::clone(self), random.bits());
            deliveries.spawn(async move { storm.deliver_until_accepted(&event, later_s, seed).await });
        }
        deliveries
    }

    /// Delivers as Stripe does: repeatedly, each time with a new signature.
    async fn deliver_until_accepted(&self, event: &Event, later_s: i64, seed: u64) {
        let _turn = self.at_once.acquire().await.expect("never closed");
        let mut random = Random::from_seed(seed);
        for _ in 0..TRIES_MAX {
            let other = self.other.as_ref().filter(|_| random.bits().is_multiple_of(2));
            let envoy = other.unwrap_or(&self.gateway.envoy);
            let began = Instant::now();
            let response =
                self.gateway.deliver_to(envoy, event, unix_now() + later_s).await.expect("a response");
            let took = began.elapsed();
            assert!(took <= RESPONSE_TIME_MAX, "answered after {took:?}");
            match response.status().as_u16() {
                200 => return,
                503 => tokio::time::sleep(Duration::from_millis(20 + random.bits() % 200)).await,
                status => panic!("{status}: {}", response.text().await.unwrap_or_default()),
            }
        }
        panic!("{} was not accepted after {TRIES_MAX} tries", event.event_id());
    }

    fn require_paid_plans(&self) {
        for payer in &self.payers {
            let subscription: Subscription = self.gateway.stripe.get(&payer.subscription);
            let plan = match (subscription.status.as_str(), subscription.items[0].price.as_str()) {
                ("unpaid", _) => "free",
                (_, ENTERPRISE) => "enterprise",
                _ => "pro",
            };
            assert_eq!(payer.plan(&self.gateway).as_deref(), Some(plan), "{}", payer.user);
            let status = &self.gateway.clerk.public_metadata(&payer.user)["subscription"]["status"];
            assert_eq!(*status, subscription.status, "{}", payer.user);
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
