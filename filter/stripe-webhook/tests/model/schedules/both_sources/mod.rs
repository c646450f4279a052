//! Stripe and Clerk Billing together: in whatever order the events of both arrive, and whichever replica
//! handles them, Clerk shows the higher plan in the end, and no delivery takes away what a source grants
//! throughout.

mod history;
mod sale;

use crate::harness::{
    DeliveryRun, Model, Replica, World, changes_something, document, document_with_both_sources,
    document_with_clerk_billing_alone, parts, signed, signed_by_clerk,
};
use history::{GrantHistory, check_end};
use sale::{ClerkMessage, SUBJECTS};
use serde_json::Value;
use std::time::Duration;
use tollgate_core::backfill::Intent;
use tollgate_core::http::Callout;
use tollgate_driver::CalloutResult;
use tollgate_driver::memory::SharedData;
use tollgate_fixtures::Random;

const SCHEDULES: u64 = 500;
/// The number of deliveries in progress at once.
const RUNNING_MAX: usize = 4;
/// The number of steps with failures in a schedule.
const FAULTY_STEPS: usize = 120;
/// The maximum number of steps without failures, in which all deliveries must end.
const STEPS_MAX: usize = 6_000;
/// The time between a delivery and its retry, in seconds.
const RETRY_AFTER_S: u64 = 62;

/// The documents of the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Documents {
    /// All read both sources.
    Both,
    /// During a roll-out: one process reads both, one only Stripe, one only Clerk Billing.
    Mixed,
}

#[derive(Clone, Debug)]
enum Event {
    /// The number of an event of Stripe.
    Stripe(usize),
    Clerk(ClerkMessage),
}

/// An event's delivery with its retries.
#[derive(Debug)]
struct EventChain {
    event: Event,
    attempts: usize,
    is_waiting: bool,
}

/// A delivery in progress.
#[derive(Debug)]
struct ActiveDelivery {
    chain: usize,
    replica: usize,
    run: DeliveryRun,
    /// The snapshot when it began: it has read nothing before.
    began: usize,
}

/// A callout of a delivery that has ended, which may still take effect.
#[derive(Debug)]
struct Orphan {
    chain: usize,
    callout: Callout,
    since: usize,
}

/// A worker thread with one of the two filters.
struct Worker {
    process: usize,
    is_for_clerk: bool,
    replica: Replica,
}

struct TwoSources {
    random: Random,
    world: World,
    documents: Documents,
    workers: Vec<Worker>,
    chains: Vec<EventChain>,
    running: Vec<ActiveDelivery>,
    orphans: Vec<Orphan>,
    history: GrantHistory,
    stripe_events_known: usize,
    fault_percent: usize,
    trace: Vec<String>,
}

impl TwoSources {
    fn new(seed: u64, documents: Documents) -> Self {
        let mut random = Random::from_seed(seed);
        let mut world = World::new();
        for subject in SUBJECTS {
            world.clerk.add(subject);
            world.stripe.add_customer(&sale::customer(subject), &[]);
        }
        let (both, stripe, clerk) =
            (document_with_both_sources(), document(Value::Null), document_with_clerk_billing_alone());
        let texts = match documents {
            Documents::Both => [(Some(&both), Some(&both)), (Some(&both), Some(&both))].to_vec(),
            Documents::Mixed => {
                [(Some(&both), Some(&both)), (Some(&stripe), None), (None, Some(&clerk))].to_vec()
            }
        };
        let mut workers = Vec::new();
        for (process, (for_stripe, for_clerk)) in texts.into_iter().enumerate() {
            let shared = SharedData::default();
            let stripe = for_stripe.map(|text| (false, Replica::new(text, &shared)));
            let clerk = for_clerk.map(|text| (true, Replica::for_clerk(text, &shared)));
            let both = stripe.into_iter().chain(clerk);
            workers.extend(both.map(|(is_for_clerk, replica)| Worker { process, is_for_clerk, replica }));
        }
        let mut history = GrantHistory::new(documents);
        history.record(&world);
        let fault_percent = random.pick(&[0, 3, 12, 25]);
        TwoSources {
            random,
            stripe_events_known: world.stripe.events.len(),
            world,
            documents,
            workers,
            chains: Vec::new(),
            running: Vec::new(),
            orphans: Vec::new(),
            history,
            fault_percent,
            trace: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<(), String> {
        let mut changes_left = 3 + self.random.below(6);
        for _ in 0..FAULTY_STEPS {
            match self.random.below(100) {
                0..=11 if changes_left > 0 => {
                    changes_left -= 1;
                    self.change();
                }
                12..=13 => self.abort(),
                14 => self.kill_process(),
                15..=18 => self.deliver_orphan()?,
                19..=21 => self.pass_time(),
                22..=46 => self.start(),
                _ => self.advance(true)?,
            }
        }
        (0..changes_left).for_each(|_| self.change());
        self.finish_all()?;
        if self.documents == Documents::Mixed {
            self.roll_out()?;
        }
        check_end(&self.world)
    }

    /// Runs without failures until no sender needs a retry.
    fn finish_all(&mut self) -> Result<(), String> {
        for _ in 0..STEPS_MAX {
            let is_waiting = self.chains.iter().any(|chain| chain.is_waiting);
            if !is_waiting && self.running.is_empty() && self.orphans.is_empty() {
                return Ok(());
            }
            match self.random.below(10) {
                0..=1 => self.deliver_orphan()?,
                2..=4 => self.start(),
                _ => self.advance(false)?,
            }
        }
        Err("it does not end".to_owned())
    }

    /// Lets all read both sources, and runs the command once, as after a roll-out.
    fn roll_out(&mut self) -> Result<(), String> {
        let mut model = Model::new();
        model.roll_out(&document_with_both_sources());
        model.world = self.world.clone();
        model.sync_all(Intent::Apply).map_err(|error| format!("{error:?}"))?;
        self.world = model.world;
        Ok(())
    }

    fn change(&mut self) {
        let message = sale::change(&mut self.world, &mut self.random);
        if let Some(message) = message {
            self.trace.push(format!("Clerk: {message:?} {:?}", self.world.clerk.billing));
            self.push_chain(Event::Clerk(message));
        }
        self.observe();
    }

    /// Records the state after a possible change, and begins to deliver Stripe's new events.
    fn observe(&mut self) {
        self.history.record(&self.world);
        while self.stripe_events_known < self.world.stripe.events.len() {
            let event = self.stripe_events_known;
            self.trace.push(format!("Stripe: {}", self.world.stripe.events[event].body));
            self.push_chain(Event::Stripe(event));
            self.stripe_events_known += 1;
        }
    }

    /// Some events are delivered twice.
    fn push_chain(&mut self, event: Event) {
        for _ in 0..if self.random.percent(20) { 2 } else { 1 } {
            self.chains.push(EventChain { event: event.clone(), attempts: 0, is_waiting: true });
        }
    }

    fn pass_time(&mut self) {
        let ms = self.random.pick(&[5, 50, 700, 2_500]);
        self.world.now = self.world.now.plus(Duration::from_millis(ms));
    }

    /// Begins a delivery: the first of a chain, or a retry once nothing of the one before is in flight.
    fn start(&mut self) {
        let waits = |(_, chain): &(usize, &EventChain)| chain.is_waiting;
        let waiting = self.chains.iter().enumerate().filter(waits).map(|(index, _)| index);
        let is_free = |chain: &usize| self.orphans.iter().all(|orphan| orphan.chain != *chain);
        let waiting: Vec<usize> = waiting.filter(is_free).collect();
        if waiting.is_empty() || self.running.len() >= RUNNING_MAX {
            return;
        }
        let chain = waiting[self.random.below(waiting.len())];
        let event = self.chains[chain].event.clone();
        let is_for_clerk = matches!(event, Event::Clerk(_));
        let fits = |(_, worker): &(usize, &Worker)| worker.is_for_clerk == is_for_clerk;
        let workers: Vec<usize> =
            self.workers.iter().enumerate().filter(fits).map(|(index, _)| index).collect();
        let replica = workers[self.random.below(workers.len())];
        let is_retry = self.chains[chain].attempts > 0;
        let signed_s = self.world.now.as_secs() + if is_retry { RETRY_AFTER_S } else { 0 };
        self.chains[chain].attempts += 1;
        self.chains[chain].is_waiting = false;
        let (worker, now) = (&mut self.workers[replica].replica, self.world.now);
        let run = match &event {
            Event::Stripe(number) => {
                DeliveryRun::begin(&signed(&self.world.stripe.events[*number].body, signed_s), worker, now)
            }
            Event::Clerk(message) => {
                DeliveryRun::begin(&signed_by_clerk(&message.id, &message.body, signed_s), worker, now)
            }
        };
        self.trace.push(format!("chain {chain} ({event:?}) begins on {replica}"));
        self.running.push(ActiveDelivery { chain, replica, run, began: self.history.latest() });
        self.close_if_ended(self.running.len() - 1);
    }

    fn close_if_ended(&mut self, index: usize) {
        if self.running[index].run.end.is_none() {
            return;
        }
        let running = self.running.swap_remove(index);
        self.trace.push(format!("chain {} ends: {:?}", running.chain, running.run.end));
        self.chains[running.chain].is_waiting = !running.run.is_success();
        self.leave_callouts(running);
    }

    fn leave_callouts(&mut self, running: ActiveDelivery) {
        let ActiveDelivery { chain, replica, run, began } = running;
        for callout in run.close(&mut self.workers[replica].replica) {
            if self.random.percent(70) {
                self.orphans.push(Orphan { chain, callout, since: began });
            }
        }
    }

    fn abort(&mut self) {
        if !self.running.is_empty() {
            let index = self.random.below(self.running.len());
            self.abort_at(index);
        }
    }

    fn abort_at(&mut self, index: usize) {
        let running = self.running.swap_remove(index);
        self.trace.push(format!("chain {} is aborted", running.chain));
        self.chains[running.chain].is_waiting = true;
        self.leave_callouts(running);
    }

    /// Kills a process: its deliveries end, and so does its shared data.
    fn kill_process(&mut self) {
        let killed = self.random.below(3);
        let shared = SharedData::default();
        for worker in self.workers.iter_mut().filter(|worker| worker.process == killed) {
            worker.replica.set_shared(&shared);
        }
        let is_killed =
            |of: &Self| of.running.iter().position(|running| of.workers[running.replica].process == killed);
        while let Some(index) = is_killed(self) {
            self.abort_at(index);
        }
    }

    fn deliver_orphan(&mut self) -> Result<(), String> {
        if self.orphans.is_empty() {
            return Ok(());
        }
        let index = self.random.below(self.orphans.len());
        let Orphan { callout, since, .. } = self.orphans.swap_remove(index);
        self.take_effect(&callout, since).map(drop)
    }

    /// Advances a callout of some delivery: it arrives or fails, or its result reaches the filter.
    fn advance(&mut self, is_faulty: bool) -> Result<(), String> {
        if self.running.is_empty() {
            self.start();
            return Ok(());
        }
        let index = self.random.below(self.running.len());
        let call = self.random.below(self.running[index].run.in_flight.len());
        let in_flight = &self.running[index].run.in_flight[call];
        if in_flight.result.is_none() {
            let callout = in_flight.callout.clone();
            let result = self.result(index, &callout, is_faulty)?;
            self.running[index].run.in_flight[call].result = Some(result);
        }
        // Most responses come at once; some long after.
        if self.random.percent(60) {
            let running = &mut self.running[index];
            let worker = &mut self.workers[running.replica].replica;
            running.run.end_callout(worker, self.world.now, call);
            self.close_if_ended(index);
        }
        Ok(())
    }

    /// Decides how a callout ends, and applies its effect.
    fn result(&mut self, index: usize, callout: &Callout, is_faulty: bool) -> Result<CalloutResult, String> {
        let ActiveDelivery { chain, began, .. } = self.running[index];
        if !is_faulty || !self.random.percent(self.fault_percent) {
            return self.take_effect(callout, began);
        }
        let fault = self.random.below(4);
        self.trace.push(format!("chain {chain}: fault {fault} of {:?}", callout.request));
        match fault {
            0 if changes_something(callout) => {
                self.orphans.push(Orphan { chain, callout: callout.clone(), since: began });
                Ok(CalloutResult::TimedOut)
            }
            1 => self.take_effect(callout, began).map(|_| CalloutResult::Reset),
            2 => Ok(sale::failure(503)),
            _ => Ok(CalloutResult::TimedOut),
        }
    }

    fn take_effect(&mut self, callout: &Callout, since: usize) -> Result<CalloutResult, String> {
        let (method, path, _, body) = parts(callout);
        let response = self.world.respond(callout);
        if method == "PATCH" {
            self.trace.push(format!("PATCH {path} {}", body.escape_ascii()));
            let subject = path.split('/').nth(3).unwrap();
            self.history.check_write(&self.world, subject, since)?;
        }
        self.observe();
        Ok(response.into())
    }
}

/// Runs many schedules, and shows the steps of the first that fails.
fn run_all(documents: Documents) {
    for seed in 0..SCHEDULES {
        let mut schedule = TwoSources::new(seed, documents);
        if let Err(why) = schedule.run() {
            panic!("{}\nseed {seed}: {why}", schedule.trace.join("\n"));
        }
    }
}

#[test]
fn clerk_shows_the_higher_plan_of_both_sources_in_the_end() {
    run_all(Documents::Both);
}

#[test]
fn documents_with_one_source_take_nothing_from_the_other() {
    run_all(Documents::Mixed);
}
