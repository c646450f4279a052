//! Tests of random schedules: requests, payments, events, and the passing of time in any order, with possible
//! failures at each callout. In half of them each request ends before the next one starts.

use crate::harness::{Fate, RunningRequest, Shop, check_invariants};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_fixtures::Random;
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::fakes::stripe::model::{Card, Customer, Invoice, Session, Subscription};

/// The default number of schedules. `TOLLGATE_BILLING_SCHEDULES` sets another one; `TOLLGATE_BILLING_SEED`
/// sets the first seed.
const SCHEDULES: u64 = 100;
/// The number of steps of a schedule.
const STEPS: usize = 150;
/// The maximum number of requests in progress.
const RUNNING_MAX: usize = 4;

/// The clicks of a user.
const CLICKS: [(&str, &str); 14] = [
    ("checkout", r#"{"plan": "pro"}"#),
    ("checkout", r#"{"plan": "enterprise", "interval": "month"}"#),
    ("checkout", r#"{"plan": "enterprise", "interval": "year"}"#),
    ("checkout", r#"{"purchase": "credits_100"}"#),
    ("cancel", "{}"),
    ("cancel", r#"{"at": "now"}"#),
    ("resume", "{}"),
    ("portal", "{}"),
    ("change", r#"{"plan": "pro"}"#),
    ("change", r#"{"plan": "pro", "at": "now"}"#),
    ("change", r#"{"plan": "enterprise", "interval": "month"}"#),
    ("change", r#"{"plan": "enterprise", "interval": "year"}"#),
    ("change", r#"{"plan": "enterprise", "interval": "month", "at": "period_end"}"#),
    ("change", r#"{"plan": "pro", "quantity": 2}"#),
];

/// A request in progress, and the event that it delivers.
struct ScheduledRequest {
    running: RunningRequest,
    event: Option<Event>,
}

/// A random schedule. The same seed gives the same schedule.
struct Schedule {
    random: Random,
    shop: Shop,
    requests: Vec<ScheduledRequest>,
    /// Whether each request ends before something else happens.
    is_sequential: bool,
    changes: usize,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        Schedule {
            random: Random::from_seed(seed),
            shop: Shop::open(),
            requests: Vec::new(),
            is_sequential: seed.is_multiple_of(2),
            changes: 0,
        }
    }

    fn run(&mut self) -> Result<(), String> {
        if self.random.percent(60) {
            let plan = self.random.pick(&["pro", "enterprise"]);
            self.shop.post("checkout", &json!({"plan": plan, "interval": "month"}));
            self.pay();
        }
        for _ in 0..STEPS {
            match self.random.below(100) {
                0..=14 => self.click(),
                15..=26 => self.deliver(),
                27..=34 => self.pay(),
                35..=37 => self.pass_time(),
                38 => self.change_card(),
                39 => self.disconnect(),
                _ => self.advance(true),
            }
            while self.is_sequential && !self.requests.is_empty() {
                self.advance(true);
            }
        }
        self.end();
        self.check()
    }

    fn click(&mut self) {
        if self.requests.len() < RUNNING_MAX {
            let ((path, body), worker) = (self.random.pick(&CLICKS), self.random.below(4));
            self.changes += usize::from(path == "change");
            let body: Value = serde_json::from_str(body).expect("JSON");
            let running = match self.random.below(8) {
                0 => self.shop.begin(worker, "subscription", None),
                _ => self.shop.begin(worker, path, Some(&body)),
            };
            self.requests.push(ScheduledRequest { running, event: None });
        }
    }

    /// Begins to deliver any of the events, and some of them twice.
    fn deliver(&mut self) {
        let events = self.shop.events.len();
        if self.requests.len() < RUNNING_MAX && events > 0 {
            let event = self.shop.events.swap_remove(self.random.below(events));
            if self.random.percent(10) {
                self.shop.events.push(event.clone());
            }
            let running = self.shop.begin_delivery(self.random.below(2), &event);
            self.requests.push(ScheduledRequest { running, event: Some(event) });
        }
    }

    fn pay(&mut self) {
        let open = self.shop.open_sessions();
        if !open.is_empty() {
            let session = &open[self.random.below(open.len())];
            let card =
                self.random.pick(&[Card::Works, Card::Works, Card::Declines, Card::NeedsAuthentication]);
            let paid = self.shop.stripe.pay_session_with(session, card);
            self.shop.trace.push(format!("the user pays {session} with {card:?}: {paid:?}"));
        }
    }

    /// Lets time pass: not more than a gateway waits for a response, while a request is in progress.
    fn pass_time(&mut self) {
        let seconds = match self.requests.is_empty() {
            true => self.random.pick(&[1, 10, 31, 61, 61, 1_200, 1_200, 90_000, 31 * 86_400]),
            false => self.random.pick(&[1, 1, 2]),
        };
        self.shop.trace.push(format!("{seconds} s pass"));
        self.shop.pass(Duration::from_secs(seconds));
    }

    fn change_card(&mut self) {
        let card = self.random.pick(&[Card::Works, Card::Works, Card::Declines, Card::NeedsAuthentication]);
        self.set_card(card);
    }

    fn set_card(&mut self, card: Card) {
        let customers: Vec<String> = self.shop.stripe.account(|account| {
            account
                .newest_first::<Customer>(|_| true)
                .into_iter()
                .map(|customer| customer.id.clone())
                .collect()
        });
        for customer in customers {
            self.shop.trace.push(format!("the card of {customer} is {card:?}"));
            self.shop.stripe.set_card(&customer, card);
        }
    }

    /// Ends a request before it has its response.
    fn disconnect(&mut self) {
        if !self.requests.is_empty() {
            let ScheduledRequest { running, event } =
                self.requests.swap_remove(self.random.below(self.requests.len()));
            self.shop.trace.push(format!("{running:?} is disconnected"));
            self.shop.end(running);
            self.shop.events.extend(event);
        }
    }

    /// Performs a callout, passes a result to its filter, or both.
    fn advance(&mut self, may_fail: bool) {
        if self.shop.in_flight() > 0 {
            let index = self.random.below(self.shop.in_flight());
            let fate = match self.random.below(100) {
                0..=2 if may_fail => Fate::ResponseLost,
                3..=4 if may_fail => Fate::RequestLost,
                5..=6 if may_fail => Fate::Unavailable,
                _ => Fate::Responded,
            };
            match self.random.percent(40) {
                true => self.shop.perform(index, fate),
                false => self.shop.finish_callout(index, fate),
            }
        }
        for ScheduledRequest { running, event } in std::mem::take(&mut self.requests) {
            match self.shop.response(running) {
                None => self.requests.push(ScheduledRequest { running, event }),
                Some((200, _)) => {}
                Some(_) => self.shop.events.extend(event),
            }
        }
    }

    /// Runs without failures until no work is left; the user pays all open invoices.
    fn end(&mut self) {
        self.shop.trace.push("-- no more faults".to_owned());
        while !self.requests.is_empty() || self.shop.in_flight() > 0 {
            self.advance(false);
        }
        self.set_card(Card::Works);
        for _ in 0..2 {
            for session in self.shop.open_sessions() {
                self.shop.stripe.pay_session(&session);
            }
            let renewals = self.shop.stripe.account(|account| {
                let is_renewal = |invoice: &Invoice| {
                    invoice.status == "open" && invoice.billing_reason != "subscription_update"
                };
                account
                    .newest_first(is_renewal)
                    .into_iter()
                    .map(|invoice| invoice.id.clone())
                    .collect::<Vec<_>>()
            });
            renewals.iter().for_each(|invoice| self.shop.stripe.pay_invoice(invoice));
            self.shop.deliver_all();
        }
    }

    fn check(&mut self) -> Result<(), String> {
        check_invariants(&self.shop)?;
        let (trials, paid, forgotten) = self.shop.stripe.account(|account| {
            let trials = account.newest_first(|s: &Subscription| s.trial_start.is_some()).len();
            let is_update = |invoice: &&Invoice| invoice.billing_reason == "subscription_update";
            let updates = account.newest_first::<Invoice>(|_| true).into_iter().filter(is_update);
            let updates: Vec<&Invoice> = updates.collect();
            let paid = updates.iter().filter(|i| i.status == "paid" && i.total > 0).count();
            let waits = |invoice: &Invoice| {
                let subscription =
                    invoice.subscription.as_ref().and_then(|id| account.find::<Subscription>(id));
                let update = subscription.and_then(|subscription| subscription.pending_update.as_ref());
                update.is_some_and(|update| update.invoice == invoice.id)
            };
            let forgotten = updates.iter().filter(|i| i.status == "open" && !waits(i)).count();
            (trials, paid, forgotten)
        });
        if paid > self.changes {
            return Err(format!("{paid} changes were paid, {} were wanted", self.changes));
        }
        if forgotten > 0 {
            return Err(format!("{forgotten} open invoices of abandoned changes"));
        }
        if self.is_sequential && (trials > 1 || self.shop.alarms.contains("double_subscription")) {
            return Err(format!("{trials} trials, alarms {:?}", self.shop.alarms));
        }
        self.check_views()
    }

    /// Checks that every worker shows the plan that Clerk shows.
    fn check_views(&mut self) -> Result<(), String> {
        self.shop.pass(Duration::from_secs(31));
        for worker in 0..4 {
            let running = self.shop.begin(worker, "subscription", None);
            let (status, view) = self.shop.run(running, |_| Fate::Responded);
            let plan = self.shop.plan().unwrap_or_else(|| "free".to_owned());
            if status != 200 || view["plan"] != json!(plan) {
                return Err(format!("worker {worker} shows {status} {view}, but the plan is {plan}"));
            }
        }
        Ok(())
    }
}

impl Shop {
    /// Returns the ids of the sessions that can be paid.
    fn open_sessions(&self) -> Vec<String> {
        self.stripe.account(|account| {
            let open = account.newest_first::<Session>(|session| session.status == "open");
            open.into_iter().map(|session| session.id.clone()).collect()
        })
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::vars().find(|(known, _)| known == name).map(|(_, value)| value.parse().expect("a number"))
}

#[test]
fn random_schedules_charge_nothing_twice_and_clerk_agrees_with_stripe() {
    let first = setting("TOLLGATE_BILLING_SEED");
    let schedules =
        setting("TOLLGATE_BILLING_SCHEDULES").unwrap_or(if first.is_some() { 1 } else { SCHEDULES });
    let first = first.unwrap_or_default();
    for seed in first..first + schedules {
        let mut schedule = Schedule::new(seed);
        if let Err(why) = schedule.run() {
            panic!("{}\n{why}; TOLLGATE_BILLING_SEED={seed} runs this one alone", schedule.shop.trace());
        }
    }
}
