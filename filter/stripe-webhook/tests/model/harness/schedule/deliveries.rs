//! The deliveries of a schedule: how they begin, end, and are aborted.

use super::callouts::OrphanedCallout;
use super::{PROCESSES, Schedule};
use crate::harness::delivery_run::{DeliveryRun, signed};
use std::collections::BTreeMap;
use tollgate_driver::memory::SharedData;

/// The maximum number of deliveries in progress.
const RUNNING_MAX: usize = 4;
/// The time by which the signature of a retry is later than all others. The clock of a schedule advances
/// little, so that deliveries can run in parallel.
const RETRY_AFTER_S: u64 = 62;

/// An event's delivery with its retries. A duplicate has a chain of its own.
#[derive(Debug)]
pub(super) struct RetryChain {
    pub(super) event: usize,
    pub(super) attempts: usize,
    pub(super) state: ChainState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChainState {
    Waiting,
    Running,
    Done,
}

/// A delivery in progress.
#[derive(Debug)]
pub(super) struct RunningDelivery {
    pub(super) chain: usize,
    pub(super) replica: usize,
    pub(super) run: DeliveryRun,
    /// The snapshot since which it has read a subject's state itself.
    pub(super) known_since: BTreeMap<String, usize>,
    pub(super) began: usize,
    /// It is delayed before a write, and before the write's response.
    pub(super) writes_late: bool,
}

impl Schedule {
    /// Begins a delivery: the first of a chain, or a retry once nothing of the one before is in flight.
    pub(super) fn start(&mut self) {
        if self.running.len() >= RUNNING_MAX {
            return;
        }
        let waiting: Vec<usize> = (0..self.chains.len())
            .filter(|chain| self.chains[*chain].state == ChainState::Waiting)
            .filter(|chain| self.orphans.iter().all(|orphan| orphan.chain != *chain))
            .collect();
        if waiting.is_empty() {
            return;
        }
        let chain = waiting[self.random.below(waiting.len())];
        let replica = self.random.below(self.replicas.len());
        let retry = self.chains[chain].attempts > 0;
        self.chains[chain].attempts += 1;
        self.chains[chain].state = ChainState::Running;
        let signed_s = self.world.now.as_secs() + if retry { RETRY_AFTER_S } else { 0 };
        let event = self.chains[chain].event;
        let body = self.world.stripe.events[event].body.clone();
        let request = signed(&body, signed_s);
        let run = DeliveryRun::begin(&request, &mut self.replicas[replica].1, self.world.now);
        self.trace_line(|| format!("chain {chain} (evt_{event}) begins on {replica}, retry: {retry}"));
        let began = self.history.latest();
        let writes_late = self.random.percent(self.settings.late_write_percent);
        self.running.push(RunningDelivery {
            chain,
            replica,
            run,
            known_since: BTreeMap::new(),
            began,
            writes_late,
        });
        self.close_if_ended(self.running.len() - 1);
    }

    /// Removes a delivery if it has ended.
    pub(super) fn close_if_ended(&mut self, index: usize) {
        if self.running[index].run.end.is_none() {
            return;
        }
        let running = self.running.swap_remove(index);
        let succeeded = running.run.is_success();
        self.trace_line(|| format!("chain {} ends: {succeeded} {:?}", running.chain, running.run.end));
        self.chains[running.chain].state = if succeeded { ChainState::Done } else { ChainState::Waiting };
        self.leave_callouts(running);
    }

    /// Keeps some of the callouts of a delivery that has ended: they may still arrive.
    pub(super) fn leave_callouts(&mut self, running: RunningDelivery) {
        let RunningDelivery { chain, replica, run, began, .. } = running;
        for callout in run.close(&mut self.replicas[replica].1) {
            if self.random.percent(70) {
                self.trace_line(|| format!("chain {chain} leaves {:?}", callout.request));
                self.orphans.push(OrphanedCallout { chain, callout, since: began });
            }
        }
    }

    pub(super) fn abort(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let index = self.random.below(self.running.len());
        self.abort_at(index);
    }

    pub(super) fn abort_at(&mut self, index: usize) {
        let running = self.running.swap_remove(index);
        self.trace_line(|| format!("chain {} is aborted", running.chain));
        self.chains[running.chain].state = ChainState::Waiting;
        self.leave_callouts(running);
    }

    pub(super) fn kill_process(&mut self) {
        let killed = self.random.below(PROCESSES);
        let shared = SharedData::default();
        for (_, replica) in self.replicas.iter_mut().filter(|(process, _)| *process == killed) {
            replica.set_shared(&shared);
        }
        while let Some(index) =
            self.running.iter().position(|running| self.replicas[running.replica].0 == killed)
        {
            self.abort_at(index);
        }
    }
}
