//! The callouts of a schedule: when they take effect, and how they end.

use super::Schedule;
use crate::harness::expected::{PLANS, rank_of_plan};
use crate::harness::response::FakeResponse;
use crate::harness::world::{World, changes_something, parts};
use tollgate_core::http::Callout;
use tollgate_driver::CalloutResult;

/// The maximum number of times that Stripe tries a delivery after the last fault.
const ATTEMPTS_MAX: usize = 60;

/// A callout of a delivery that has ended, which may still take effect.
#[derive(Debug)]
pub(super) struct OrphanedCallout {
    pub(super) chain: usize,
    pub(super) callout: Callout,
    pub(super) since: usize,
}

impl Schedule {
    /// Lets a callout arrive whose delivery has ended.
    pub(super) fn deliver_orphan(&mut self) -> Result<(), String> {
        if self.orphans.is_empty() {
            return Ok(());
        }
        let index = self.random.below(self.orphans.len());
        let OrphanedCallout { chain, callout, since } = self.orphans.swap_remove(index);
        self.trace_line(|| format!("a callout that chain {chain} left arrives"));
        self.take_effect(&callout, |_| since).map(|_| ())
    }

    /// Advances a callout of some delivery: it arrives or fails, or its result reaches the filter.
    pub(super) fn advance(&mut self, faulty: bool) -> Result<(), String> {
        if self.running.is_empty() {
            self.start();
            return Ok(());
        }
        let index = self.random.below(self.running.len());
        let calls = self.running[index].run.in_flight.len();
        let call = self.random.below(calls);
        let hangs = self.running[index].writes_late
            && changes_something(&self.running[index].run.in_flight[call].callout);
        if hangs && !self.random.percent(8) {
            return Ok(());
        }
        if self.running[index].run.in_flight[call].result.is_some() {
            return self.end_callout(index, call);
        }
        let callout = self.running[index].run.in_flight[call].callout.clone();
        let result = self.result(index, &callout, faulty)?;
        self.running[index].run.in_flight[call].result = Some(result);
        if faulty
            && changes_something(&callout)
            && self.random.percent(self.settings.abort_after_write_percent)
        {
            self.abort_at(index);
            return Ok(());
        }
        // Most responses come at once; some long after.
        if self.random.percent(60) { self.end_callout(index, call) } else { Ok(()) }
    }

    /// Decides how a callout ends, and applies its effect.
    fn result(&mut self, index: usize, callout: &Callout, faulty: bool) -> Result<CalloutResult, String> {
        let (chain, began) = (self.running[index].chain, self.running[index].began);
        let known_since = self.running[index].known_since.clone();
        let since = |subject: &str| known_since.get(subject).copied().unwrap_or(began);
        if !faulty || !self.random.percent(self.settings.fault_percent) {
            return self.take_effect(callout, since).map(CalloutResult::from);
        }
        let fault = self.random.below(7);
        self.trace_line(|| format!("chain {chain}: fault {fault} of {:?}", callout.request));
        let broken =
            |status: u16| FakeResponse::new(status, r#"{"error":{"type":"api_error"}}"#.into()).into();
        Ok(match fault {
            0 | 1 => {
                if changes_something(callout) {
                    self.orphans.push(OrphanedCallout { chain, callout: callout.clone(), since: began });
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

    /// Applies a callout. `since` is the snapshot since which its sender has known a subject's state.
    fn take_effect(
        &mut self,
        callout: &Callout,
        since: impl Fn(&str) -> usize,
    ) -> Result<FakeResponse, String> {
        if !changes_something(callout) {
            return Ok(self.world.respond(callout));
        }
        let subject = subject_of(callout);
        let plan = |world: &World| {
            let record = subject.as_ref().and_then(|subject| world.clerk.subjects.get(subject));
            rank_of_plan(record.and_then(|record| record.plan()))
        };
        let before = plan(&self.world);
        let response = self.world.respond(callout);
        let after = plan(&self.world);
        self.trace_effect(callout, &response);
        if let Some(subject) = subject.filter(|_| after < before)
            && let Some(held) = self.history.rank_paid_throughout(&subject, since(&subject))
            && after < held
        {
            let (from, to, held) = (PLANS[before], PLANS[after], PLANS[held]);
            return Err(format!("{subject} lost {from} for {to}, though {held} was paid for throughout"));
        }
        self.observe_changes();
        Ok(response)
    }

    fn trace_effect(&mut self, callout: &Callout, response: &FakeResponse) {
        let (method, path, _, body) = parts(callout);
        self.trace_line(|| format!("{method} {path} {} -> {}", body.escape_ascii(), response.body));
    }

    /// Gives the filter the result of a callout.
    fn end_callout(&mut self, index: usize, call: usize) -> Result<(), String> {
        let running = &mut self.running[index];
        let written = subject_of(&running.run.in_flight[call].callout);
        let chain = running.chain;
        let ended = &running.run.in_flight[call];
        let ended =
            self.traced.then(|| format!("{:?}: {}", ended.callout.request, shown(ended.result.as_ref())));
        let replica = &mut self.replicas[running.replica].1;
        running.run.end_callout(replica, self.world.now, call);
        let lines = running.run.take_audit();
        if let Some(subject) = written {
            running.known_since.insert(subject, running.began);
        }
        self.trace_line(|| format!("chain {chain} gets {}", ended.unwrap_or_default()));
        for line in lines {
            let change = [&line["old_plan"], &line["new_plan"], &line["status"]].map(Clone::clone);
            self.trace_line(|| format!("audit: {line}"));
            self.audited.entry(line["subject"].as_str().unwrap().to_owned()).or_default().push(change);
        }
        self.close_if_ended(index);
        if self.chains[chain].attempts > ATTEMPTS_MAX {
            return Err(format!("chain {chain} was tried {ATTEMPTS_MAX} times"));
        }
        Ok(())
    }
}

/// Returns the subject whose record a callout changes.
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
