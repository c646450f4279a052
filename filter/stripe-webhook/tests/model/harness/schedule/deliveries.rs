//! The deliveries of a schedule: their begin, their retries, and their death.

use super::callouts::Orphan;
use super::{PROCESSES, Schedule};
use crate::harness::delivery_run::{DeliveryRun, signed};
use std::collections::BTreeMap;
use tollgate_driver::memory::SharedData;

/// How many deliveries are on their way at once.
const RUNNING_MAX: usize = 4;
/// How much later than everything else a retry is signed. The clock hardly moves in a schedule, so that deliveries can
/// run side by side; a retry's signature says that minutes have passed.
const RETRY_AFTER_S: u64 = 62;

/// A delivery with its retries. A duplicate has a chain of its own.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) event: usize,
    pub(super) attempts: usize,
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Running,
    Done,
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) chain: usize,
    pub(super) replica: usize,
    pub(super) run: DeliveryRun,
    /// The moment from which on what it knows of a subject is what it read itself.
    pub(super) basis: BTreeMap<String, usize>,
    pub(super) began: usize,
    /// It hangs before it writes, and before it hears of it.
    pub(super) slow: bool,
}

impl Schedule {
    /// A delivery begins: the first of a chain, or a retry once nothing of the one before is alive.
    pub(super) fn start(&mut self) {
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
    pub(super) fn conclude(&mut self, place: usize) {
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
    pub(super) fn orphan(&mut self, running: Running) {
        let Running { chain, replica, run, began, .. } = running;
        for callout in run.close(&mut self.replicas[replica].1) {
            if self.random.percent(70) {
                self.log(|| format!("chain {chain} leaves {:?}", callout.request));
                self.orphans.push(Orphan { chain, callout, since: began });
            }
        }
    }

    pub(super) fn abort(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let place = self.random.below(self.running.len());
        self.abort_at(place);
    }

    pub(super) fn abort_at(&mut self, place: usize) {
        let running = self.running.swap_remove(place);
        self.log(|| format!("chain {} is aborted", running.chain));
        self.chains[running.chain].state = State::Waiting;
        self.orphan(running);
    }

    pub(super) fn kill_process(&mut self) {
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
}
