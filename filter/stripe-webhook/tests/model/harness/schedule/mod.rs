//! Random schedules: several replicas, deliveries side by side, and everything that can go wrong, at every step.

mod settings;

use crate::harness::changes::{self, FILLER_CUSTOMER, FILLER_SUBSCRIPTION, SUBJECTS};
use crate::harness::clerk::LISTED_CUSTOMERS_MAX;
use crate::harness::delivery_run::{DeliveryRun, signed};
use crate::harness::expected::{PLANS, rank_of_plan};
use crate::harness::final_state;
use crate::harness::gateway::Replica;
use crate::harness::history::History;
use crate::harness::random::Random;
use crate::harness::response::FakeAnswer;
use crate::harness::stripe::{FakeMetadata, Presence};
use crate::harness::world::{ModelWorld, changes_something, parts};
use serde_json::{Map, Value, json};
use settings::Temper;
use std::collections::BTreeMap;
use std::time::Duration;
use tollgate_core::http::Callout;
use tollgate_driver::CalloutResult;
use tollgate_driver::memory::SharedData;

/// How many processes there are at most.
const PROCESSES: usize = 3;
/// How many deliveries are on their way at once.
const RUNNING_MAX: usize = 4;
/// How many steps with failures a schedule has, and how many to come to rest.
const FAULTY_STEPS: usize = 90;
const STEPS_MAX: usize = 6_000;
/// The same where there are many customers to read.
const STEPS_MAX_WITH_A_FULL_LIST: usize = 100_000;
/// How often Stripe tries a delivery, at most, once nothing fails any more.
const ATTEMPTS_MAX: usize = 60;
/// How much later than everything else a retry is signed. The clock hardly moves in a schedule, so that deliveries can
/// run side by side; a retry's signature says that minutes have passed.
const RETRY_AFTER_S: u64 = 62;

/// One run of everything from a seed.
pub(crate) struct Schedule {
    random: Random,
    pub(crate) world: ModelWorld,
    /// The worker threads, each with its process.
    replicas: Vec<(usize, Replica)>,
    chains: Vec<Chain>,
    running: Vec<Running>,
    orphans: Vec<Orphan>,
    history: History,
    /// How many events have a chain.
    events_known: usize,
    pub(crate) attempts: usize,
    pub(crate) trace: Vec<String>,
    traced: bool,
    temper: Temper,
    /// What the audit told of each subject: the plan before, the plan after, the status after.
    pub(crate) told: BTreeMap<String, Vec<[Value; 3]>>,
    /// All replicas are worker threads of one process, which is never killed.
    in_one_process: bool,
}

/// A delivery with its retries. A duplicate has a chain of its own.
#[derive(Debug)]
struct Chain {
    event: usize,
    attempts: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
}

#[derive(Debug)]
struct Running {
    chain: usize,
    replica: usize,
    run: DeliveryRun,
    /// The moment from which on what it knows of a subject is what it read itself.
    basis: BTreeMap<String, usize>,
    began: usize,
    /// It hangs before it writes, and before it hears of it.
    slow: bool,
}

/// A request that goes on although nobody waits for it any more.
#[derive(Debug)]
struct Orphan {
    chain: usize,
    callout: Callout,
    since: usize,
}

impl Schedule {
    pub(crate) fn new(seed: u64, document: &str, traced: bool) -> Self {
        let mut random = Random::from_seed(seed);
        let temper = Temper::of(&mut random, &mut Random::from_seed(!seed));
        let mut world = ModelWorld::new();
        SUBJECTS.iter().for_each(|subject| world.clerk.add(subject));
        // Three machines, or two of which one has two worker threads.
        let replicas = match random.percent(50) {
            true => [0, 1, 2],
            false => [0, 0, 1],
        };
        let processes: Vec<SharedData> = (0..PROCESSES).map(|_| SharedData::default()).collect();
        let replica = |process: usize| (process, Replica::new(document, &processes[process]));
        let mut history = History::default();
        history.note(&world);
        Schedule {
            random,
            world,
            replicas: replicas.into_iter().map(replica).collect(),
            chains: Vec::new(),
            running: Vec::new(),
            orphans: Vec::new(),
            history,
            events_known: 0,
            attempts: 0,
            trace: Vec::new(),
            traced,
            temper,
            told: BTreeMap::new(),
            in_one_process: false,
        }
    }

    /// The same in one process that is never killed.
    pub(crate) fn in_one_process(mut self) -> Self {
        let shared = SharedData::default();
        for (process, replica) in &mut self.replicas {
            *process = 0;
            replica.set_shared(&shared);
        }
        self.in_one_process = true;
        self.temper =
            Temper { emptied_percent: 0, begins_with_a_full_list: false, odd_items: false, ..self.temper };
        self
    }

    fn log(&mut self, line: impl FnOnce() -> String) {
        if self.traced {
            let line = line();
            self.trace.push(line);
        }
    }

    /// Runs everything, and holds it against the laws.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        if self.temper.begins_with_a_full_list {
            self.begin_with_a_full_list();
        }
        if self.temper.emptied_percent > 0 {
            self.begin_with_an_emptied_list()?;
        } else if self.temper.begins_with_a_customer_that_left {
            self.begin_with_a_customer_that_left()?;
        }
        let mut changes_left = self.temper.changes;
        for _ in 0..FAULTY_STEPS {
            match self.random.below(100) {
                0..=9 if changes_left > 0 => {
                    changes_left -= 1;
                    self.change();
                }
                10..=11 => self.abort(),
                12 if !self.in_one_process => self.kill_process(),
                13..=16 => self.land_orphan()?,
                17..=19 => self.pass_time(),
                20..=44 => self.start(),
                _ => self.go_on(true)?,
            }
        }
        (0..changes_left).for_each(|_| self.change());
        self.come_to_rest()?;
        if self.temper.emptied_percent > 0 || self.temper.begins_with_a_full_list {
            self.touch_all()?;
        }
        final_state::of_the_end(&self.world)
    }

    fn begin_with_a_customer_that_left(&mut self) -> Result<(), String> {
        let stripe = &mut self.world.stripe;
        stripe.add_customer("cus_0", &[("clerk_user_id", SUBJECTS[0])]);
        stripe.add_subscription("sub_0", "cus_0", "price_pro", &[]);
        self.noted();
        self.come_to_rest()?;
        self.world.stripe.set_status("sub_0", "canceled");
        self.noted();
        self.come_to_rest()
    }

    /// A plan that is paid for by a customer that is not on the list.
    fn begin_with_an_emptied_list(&mut self) -> Result<(), String> {
        self.world.stripe.add_customer("cus_0", &[("clerk_user_id", SUBJECTS[0])]);
        self.world.stripe.add_subscription("sub_0", "cus_0", "price_ent", &[]);
        self.noted();
        self.come_to_rest()?;
        self.world.clerk.empty_list(SUBJECTS[0]);
        self.noted();
        Ok(())
    }

    /// As many customers as are listed, each with a live subscription that gives nothing.
    fn begin_with_a_full_list(&mut self) {
        let mut listed = Map::new();
        for n in 0..LISTED_CUSTOMERS_MAX {
            let (customer, subscription) =
                (format!("{FILLER_CUSTOMER}{n:02}"), format!("{FILLER_SUBSCRIPTION}{n:02}"));
            self.world.stripe.add_customer(&customer, &[("clerk_user_id", SUBJECTS[0])]);
            self.world.stripe.add_subscription(&subscription, &customer, "price_free", &[]);
            listed.insert(customer, Value::Bool(true));
        }
        let private = json!({"stripe_customers": listed});
        self.world.clerk.add_with(SUBJECTS[0], json!({"plan": "free"}), private);
        self.events_known = self.world.stripe.events.len();
        self.history.note(&self.world);
    }

    /// Where a list was incomplete, what is not on it is found by an event of its customer.
    fn touch_all(&mut self) -> Result<(), String> {
        let present = self.world.stripe.customers.iter().filter(|(_, c)| c.presence == Presence::Present);
        let ids: Vec<String> = present.map(|(id, _)| id.clone()).collect();
        for id in ids {
            let touch = |metadata: &mut FakeMetadata| drop(metadata.insert("touched".into(), "yes".into()));
            self.world.stripe.change_customer(&id, touch);
        }
        self.noted();
        self.come_to_rest()
    }

    /// Nothing fails any more; Stripe retries until it is content.
    fn come_to_rest(&mut self) -> Result<(), String> {
        self.log(|| "-- nothing fails any more".to_owned());
        let full = self.temper.begins_with_a_full_list;
        for _ in 0..if full { STEPS_MAX_WITH_A_FULL_LIST } else { STEPS_MAX } {
            let waiting = self.chains.iter().any(|chain| chain.state == State::Waiting);
            if !waiting && self.running.is_empty() && self.orphans.is_empty() {
                return Ok(());
            }
            match self.random.below(10) {
                0..=1 => self.land_orphan()?,
                2..=4 => self.start(),
                _ => self.go_on(false)?,
            }
        }
        Err("it does not come to rest".to_owned())
    }

    fn change(&mut self) {
        if self.temper.emptied_percent > 0 && self.random.percent(self.temper.emptied_percent) {
            let subject = self.random.pick(&SUBJECTS[..self.temper.subjects]);
            self.log(|| format!("other code empties the list of {subject}"));
            self.world.clerk.empty_list(subject);
            return self.noted();
        }
        let alive: Vec<usize> =
            self.running.iter().map(|r| r.chain).chain(self.orphans.iter().map(|o| o.chain)).collect();
        let names: Vec<_> =
            alive.iter().map(|c| self.world.stripe.events[self.chains[*c].event].names.clone()).collect();
        let subjects = &SUBJECTS[..self.temper.subjects];
        let odd = self.temper.odd_items;
        changes::change(&mut self.world.stripe, &mut self.random, subjects, odd, |losers| {
            names.iter().all(|names| losers.is_subset(names))
        });
        self.noted();
    }

    /// Something may have changed: what was so is noted, and new events are on their way, some twice.
    fn noted(&mut self) {
        self.history.note(&self.world);
        while self.events_known < self.world.stripe.events.len() {
            let event = self.events_known;
            self.log_event(event);
            let copies = if self.random.percent(self.temper.duplicate_percent) { 2 } else { 1 };
            for _ in 0..copies {
                self.chains.push(Chain { event, attempts: 0, state: State::Waiting });
            }
            self.events_known += 1;
        }
    }

    fn log_event(&mut self, event: usize) {
        if self.traced {
            self.trace.push(format!("Stripe: {}", self.world.stripe.events[event].body));
        }
    }

    /// A delivery begins: the first of a chain, or a retry once nothing of the one before is alive.
    fn start(&mut self) {
        if self.running.len() >= RUNNING_MAX {
            return;
        }
        let waiting: Vec<usize> = (0..self.chains.len())
            .filter(|chain| self.chains[*chain].state == State::Waiting)
            .filter(|chain| self.orphans.iter().all(|orphan| orphan.chain != *chain))
            .collect();
        if waiting.is_empty() {
            return;
        }
        let chain = waiting[self.random.below(waiting.len())];
        let replica = self.random.below(self.replicas.len());
        let retry = self.chains[chain].attempts > 0;
        self.chains[chain].attempts += 1;
        self.chains[chain].state = State::Running;
        self.attempts += 1;
        let signed_s = self.world.now.as_secs() + if retry { RETRY_AFTER_S } else { 0 };
        let event = self.chains[chain].event;
        let body = self.world.stripe.events[event].body.clone();
        let request = signed(&body, signed_s);
        let run = DeliveryRun::begin(&request, &mut self.replicas[replica].1, self.world.now);
        self.log(|| format!("chain {chain} (evt_{event}) begins on {replica}, retry: {retry}"));
        let began = self.history.now();
        let slow = self.random.percent(self.temper.slow_percent);
        self.running.push(Running { chain, replica, run, basis: BTreeMap::new(), began, slow });
        self.conclude(self.running.len() - 1);
    }

    /// Takes a delivery that has ended off the road.
    fn conclude(&mut self, place: usize) {
        if self.running[place].run.end.is_none() {
            return;
        }
        let running = self.running.swap_remove(place);
        let content = running.run.is_success();
        self.log(|| format!("chain {} ends: {content} {:?}", running.chain, running.run.end));
        self.chains[running.chain].state = if content { State::Done } else { State::Waiting };
        self.orphan(running);
    }

    /// The requests of a delivery that is no more may still arrive.
    fn orphan(&mut self, running: Running) {
        let Running { chain, replica, run, began, .. } = running;
        for callout in run.close(&mut self.replicas[replica].1) {
            if self.random.percent(70) {
                self.log(|| format!("chain {chain} leaves {:?}", callout.request));
                self.orphans.push(Orphan { chain, callout, since: began });
            }
        }
    }

    fn abort(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let place = self.random.below(self.running.len());
        self.abort_at(place);
    }

    fn abort_at(&mut self, place: usize) {
        let running = self.running.swap_remove(place);
        self.log(|| format!("chain {} is aborted", running.chain));
        self.chains[running.chain].state = State::Waiting;
        self.orphan(running);
    }

    fn kill_process(&mut self) {
        let killed = self.random.below(PROCESSES);
        let shared = SharedData::default();
        for (_, replica) in self.replicas.iter_mut().filter(|(process, _)| *process == killed) {
            replica.set_shared(&shared);
        }
        while let Some(place) =
            self.running.iter().position(|running| self.replicas[running.replica].0 == killed)
        {
            self.abort_at(place);
        }
    }

    fn pass_time(&mut self) {
        let ms = self.random.pick(&[5, 50, 700, 2_500]);
        self.world.now = self.world.now.plus(Duration::from_millis(ms));
    }

    fn land_orphan(&mut self) -> Result<(), String> {
        if self.orphans.is_empty() {
            return Ok(());
        }
        let place = self.random.below(self.orphans.len());
        let Orphan { chain, callout, since } = self.orphans.swap_remove(place);
        self.log(|| format!("what chain {chain} left arrives"));
        self.take_effect(&callout, |_| since).map(|_| ())
    }

    /// A callout of some delivery arrives or fails, or its answer does.
    fn go_on(&mut self, faulty: bool) -> Result<(), String> {
        if self.running.is_empty() {
            self.start();
            return Ok(());
        }
        let place = self.random.below(self.running.len());
        let calls = self.running[place].run.in_flight.len();
        let call = self.random.below(calls);
        let hangs =
            self.running[place].slow && changes_something(&self.running[place].run.in_flight[call].callout);
        if hangs && !self.random.percent(8) {
            return Ok(());
        }
        if self.running[place].run.in_flight[call].result.is_some() {
            return self.answer(place, call);
        }
        let callout = self.running[place].run.in_flight[call].callout.clone();
        let result = self.result(place, &callout, faulty)?;
        self.running[place].run.in_flight[call].result = Some(result);
        if faulty && changes_something(&callout) && self.random.percent(self.temper.dying_percent) {
            self.abort_at(place);
            return Ok(());
        }
        // Most answers come at once; some long after.
        if self.random.percent(60) { self.answer(place, call) } else { Ok(()) }
    }

    /// How a callout ends, and its effect.
    fn result(&mut self, place: usize, callout: &Callout, faulty: bool) -> Result<CalloutResult, String> {
        let (chain, began) = (self.running[place].chain, self.running[place].began);
        let basis = self.running[place].basis.clone();
        let since = |subject: &str| basis.get(subject).copied().unwrap_or(began);
        if !faulty || !self.random.percent(self.temper.fault_percent) {
            return self.take_effect(callout, since).map(CalloutResult::from);
        }
        let fault = self.random.below(7);
        self.log(|| format!("chain {chain}: fault {fault} of {:?}", callout.request));
        let broken = |status: u16| FakeAnswer::of(status, r#"{"error":{"type":"api_error"}}"#.into()).into();
        Ok(match fault {
            0 | 1 => {
                if changes_something(callout) {
                    self.orphans.push(Orphan { chain, callout: callout.clone(), since: began });
                }
                CalloutResult::TimedOut
            }
            2 => {
                self.take_effect(callout, since)?;
                CalloutResult::TimedOut
            }
            3 => {
                self.take_effect(callout, since)?;
                CalloutResult::Reset
            }
            4 => broken(429),
            5 => broken(500),
            _ => CalloutResult::Reset,
        })
    }

    /// A request does what it does. `since` is from when on its sender knew what is so of a subject.
    fn take_effect(
        &mut self,
        callout: &Callout,
        since: impl Fn(&str) -> usize,
    ) -> Result<FakeAnswer, String> {
        if !changes_something(callout) {
            return Ok(self.world.answer(callout));
        }
        let subject = subject_of(callout);
        let plan = |world: &ModelWorld| {
            let record = subject.as_ref().and_then(|subject| world.clerk.subjects.get(subject));
            rank_of_plan(record.and_then(|record| record.plan()))
        };
        let before = plan(&self.world);
        let answer = self.world.answer(callout);
        let after = plan(&self.world);
        self.log_effect(callout, &answer);
        if let Some(subject) = subject.filter(|_| after < before)
            && let Some(held) = self.history.held_throughout(&subject, since(&subject))
            && after < held
        {
            let (from, to, held) = (PLANS[before], PLANS[after], PLANS[held]);
            return Err(format!("{subject} lost {from} for {to}, though {held} was paid for throughout"));
        }
        self.noted();
        Ok(answer)
    }

    fn log_effect(&mut self, callout: &Callout, answer: &FakeAnswer) {
        let (method, path, _, body) = parts(callout);
        self.log(|| format!("{method} {path} {} -> {}", body.escape_ascii(), answer.body));
    }

    /// A delivery hears how a callout ended.
    fn answer(&mut self, place: usize, call: usize) -> Result<(), String> {
        let running = &mut self.running[place];
        let written = subject_of(&running.run.in_flight[call].callout);
        let chain = running.chain;
        let ended = &running.run.in_flight[call];
        let ended =
            self.traced.then(|| format!("{:?}: {}", ended.callout.request, shown(ended.result.as_ref())));
        let replica = &mut self.replicas[running.replica].1;
        running.run.end_callout(replica, self.world.now, call);
        let lines = running.run.take_audit();
        if let Some(subject) = written {
            running.basis.insert(subject, running.began);
        }
        self.log(|| format!("chain {chain} hears of {}", ended.unwrap_or_default()));
        for line in lines {
            let told = [&line["old_plan"], &line["new_plan"], &line["status"]].map(Clone::clone);
            self.log(|| format!("the audit tells {line}"));
            self.told.entry(line["subject"].as_str().unwrap().to_owned()).or_default().push(told);
        }
        self.conclude(place);
        if self.chains[chain].attempts > ATTEMPTS_MAX {
            return Err(format!("chain {chain} was tried {ATTEMPTS_MAX} times"));
        }
        Ok(())
    }
}

/// The subject whose record a callout changes.
fn subject_of(callout: &Callout) -> Option<String> {
    let (method, path, ..) = parts(callout);
    (method == "PATCH").then(|| path.split('/').nth(3).unwrap().to_owned())
}

/// Returns how a callout ended, for the trace.
fn shown(result: Option<&CalloutResult>) -> String {
    match result {
        Some(CalloutResult::Http { status, body, .. }) => format!("{status} {}", body.escape_ascii()),
        other => format!("{other:?}"),
    }
}
