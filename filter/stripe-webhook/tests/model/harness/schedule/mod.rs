//! Random schedules: several replicas, deliveries side by side, and everything that can go wrong, at every step.

mod beginnings;
mod callouts;
mod deliveries;
mod settings;

use crate::harness::changes::{self, SUBJECTS};
use crate::harness::final_state;
use crate::harness::gateway::Replica;
use crate::harness::history::History;
use crate::harness::random::Random;
use crate::harness::world::World;
use callouts::Orphan;
use deliveries::{Chain, Running, State};
use serde_json::Value;
use settings::Temper;
use std::collections::BTreeMap;
use std::time::Duration;
use tollgate_driver::memory::SharedData;

/// How many processes there are at most.
const PROCESSES: usize = 3;
/// How many steps with failures a schedule has, and how many to come to rest.
const FAULTY_STEPS: usize = 90;
const STEPS_MAX: usize = 6_000;
/// The same where there are many customers to read.
const STEPS_MAX_WITH_A_FULL_LIST: usize = 100_000;

/// One run of everything from a seed.
pub(crate) struct Schedule {
    random: Random,
    pub(crate) world: World,
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

impl Schedule {
    pub(crate) fn new(seed: u64, document: &str, traced: bool) -> Self {
        let mut random = Random::from_seed(seed);
        let temper = Temper::new(&mut random, &mut Random::from_seed(!seed));
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
        final_state::check(&self.world)
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

    fn pass_time(&mut self) {
        let ms = self.random.pick(&[5, 50, 700, 2_500]);
        self.world.now = self.world.now.plus(Duration::from_millis(ms));
    }
}
