//! Random schedules: concurrent deliveries on several replicas, with a failure possible at every step.

mod callouts;
mod deliveries;
mod initial_states;
mod settings;

use crate::harness::changes::{self, SUBJECTS};
use crate::harness::final_state;
use crate::harness::gateway::Replica;
use crate::harness::history::History;
use crate::harness::world::World;
use callouts::OrphanedCallout;
use deliveries::{ChainState, RetryChain, RunningDelivery};
use serde_json::Value;
use settings::ScheduleSettings;
use std::collections::BTreeMap;
use std::time::Duration;
use tollgate_driver::memory::SharedData;
use tollgate_fixtures::Random;

/// The maximum number of processes.
const PROCESSES: usize = 3;
/// The number of steps in which failures are possible, and the maximum number of further steps, without
/// failures, that finish all deliveries.
const FAULTY_STEPS: usize = 90;
const STEPS_MAX: usize = 6_000;
/// The maximum number of further steps if there are many customers to read.
const STEPS_MAX_WITH_A_FULL_LIST: usize = 100_000;

/// A random schedule of changes, deliveries, and failures. The same seed gives the same schedule.
pub(crate) struct Schedule {
    random: Random,
    pub(crate) world: World,
    /// The worker threads, each with its process.
    replicas: Vec<(usize, Replica)>,
    chains: Vec<RetryChain>,
    running: Vec<RunningDelivery>,
    orphans: Vec<OrphanedCallout>,
    history: History,
    /// The number of events that have a retry chain.
    events_known: usize,
    pub(crate) trace: Vec<String>,
    traced: bool,
    settings: ScheduleSettings,
    /// The audit lines about each subject: the plan before, the plan after, the status after.
    pub(crate) audited: BTreeMap<String, Vec<[Value; 3]>>,
    /// Whether all replicas are worker threads of one process, which is then never killed.
    in_one_process: bool,
}

impl Schedule {
    pub(crate) fn new(seed: u64, document: &str, traced: bool) -> Self {
        let mut random = Random::from_seed(seed);
        let settings = ScheduleSettings::new(&mut random, &mut Random::from_seed(!seed));
        let mut world = World::new();
        SUBJECTS.iter().for_each(|subject| world.clerk.add(subject));
        // Three machines, or two of which one has two worker threads.
        let replicas = match random.percent(50) {
            true => [0, 1, 2],
            false => [0, 0, 1],
        };
        let processes: Vec<SharedData> = (0..PROCESSES).map(|_| SharedData::default()).collect();
        let replica = |process: usize| (process, Replica::new(document, &processes[process]));
        let mut history = History::default();
        history.record(&world);
        Schedule {
            random,
            world,
            replicas: replicas.into_iter().map(replica).collect(),
            chains: Vec::new(),
            running: Vec::new(),
            orphans: Vec::new(),
            history,
            events_known: 0,
            trace: Vec::new(),
            traced,
            settings,
            audited: BTreeMap::new(),
            in_one_process: false,
        }
    }

    /// Returns the same schedule in one process that is never killed.
    pub(crate) fn in_one_process(mut self) -> Self {
        let shared = SharedData::default();
        for (process, replica) in &mut self.replicas {
            *process = 0;
            replica.set_shared(&shared);
        }
        self.in_one_process = true;
        self.settings = ScheduleSettings {
            emptied_list_percent: 0,
            begins_with_a_full_list: false,
            unusual_items: false,
            ..self.settings
        };
        self
    }

    fn trace_line(&mut self, line: impl FnOnce() -> String) {
        if self.traced {
            let line = line();
            self.trace.push(line);
        }
    }

    /// Runs the schedule and checks what must hold.
    ///
    /// # Errors
    /// The invariant that does not hold.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        if self.settings.begins_with_a_full_list {
            self.begin_with_a_full_list();
        }
        if self.settings.emptied_list_percent > 0 {
            self.begin_with_an_emptied_list()?;
        } else if self.settings.begins_with_an_ended_customer {
            self.begin_with_an_ended_customer()?;
        }
        let mut changes_left = self.settings.changes;
        for _ in 0..FAULTY_STEPS {
            match self.random.below(100) {
                0..=9 if changes_left > 0 => {
                    changes_left -= 1;
                    self.change();
                }
                10..=11 => self.abort(),
                12 if !self.in_one_process => self.kill_process(),
                13..=16 => self.deliver_orphan()?,
                17..=19 => self.pass_time(),
                20..=44 => self.start(),
                _ => self.advance(true)?,
            }
        }
        (0..changes_left).for_each(|_| self.change());
        self.finish_all()?;
        if self.settings.emptied_list_percent > 0 || self.settings.begins_with_a_full_list {
            self.change_all_customers()?;
        }
        final_state::check(&self.world)
    }

    /// Runs without failures until Stripe needs no retry.
    fn finish_all(&mut self) -> Result<(), String> {
        self.trace_line(|| "-- no more faults".to_owned());
        let full = self.settings.begins_with_a_full_list;
        for _ in 0..if full { STEPS_MAX_WITH_A_FULL_LIST } else { STEPS_MAX } {
            let waiting = self.chains.iter().any(|chain| chain.state == ChainState::Waiting);
            if !waiting && self.running.is_empty() && self.orphans.is_empty() {
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

    fn change(&mut self) {
        if self.settings.emptied_list_percent > 0 && self.random.percent(self.settings.emptied_list_percent) {
            let subject = self.random.pick(&SUBJECTS[..self.settings.subjects]);
            self.trace_line(|| format!("other code empties the list of {subject}"));
            self.world.clerk.empty_list(subject);
            return self.observe_changes();
        }
        let alive: Vec<usize> =
            self.running.iter().map(|r| r.chain).chain(self.orphans.iter().map(|o| o.chain)).collect();
        let names: Vec<_> =
            alive.iter().map(|c| self.world.stripe.events[self.chains[*c].event].names.clone()).collect();
        let subjects = &SUBJECTS[..self.settings.subjects];
        let odd = self.settings.unusual_items;
        changes::change(&mut self.world.stripe, &mut self.random, subjects, odd, |losers| {
            names.iter().all(|names| losers.is_subset(names))
        });
        self.observe_changes();
    }

    /// Records the state after a possible change, and begins to deliver new events, some of them twice.
    fn observe_changes(&mut self) {
        self.history.record(&self.world);
        while self.events_known < self.world.stripe.events.len() {
            let event = self.events_known;
            self.trace_event(event);
            let copies = if self.random.percent(self.settings.duplicate_percent) { 2 } else { 1 };
            for _ in 0..copies {
                self.chains.push(RetryChain { event, attempts: 0, state: ChainState::Waiting });
            }
            self.events_known += 1;
        }
    }

    fn trace_event(&mut self, event: usize) {
        if self.traced {
            self.trace.push(format!("Stripe: {}", self.world.stripe.events[event].body));
        }
    }

    fn pass_time(&mut self) {
        let ms = self.random.pick(&[5, 50, 700, 2_500]);
        self.world.now = self.world.now.plus(Duration::from_millis(ms));
    }
}
