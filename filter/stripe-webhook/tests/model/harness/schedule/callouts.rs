//! The callouts of a schedule: when they take effect, and how they end.

use super::Schedule;
use crate::harness::expected::{PLANS, rank_of_plan};
use crate::harness::response::FakeResponse;
use crate::harness::world::{World, changes_something, parts};
use tollgate_core::http::Callout;
use tollgate_driver::CalloutResult;

/// How often Stripe tries a delivery, at most, once nothing fails any more.
const ATTEMPTS_MAX: usize = 60;

/// A request that goes on although nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Orphan {
    pub(super) chain: usize,
    pub(super) callout: Callout,
    pub(super) since: usize,
}

impl Schedule {
    pub(super) fn land_orphan(&mut self) -> Result<(), String> {
        if self.orphans.is_empty() {
            return Ok(());
        }
        let place = self.random.below(self.orphans.len());
        let Orphan { chain, callout, since } = self.orphans.swap_remove(place);
        self.log(|| format!("what chain {chain} left arrives"));
        self.take_effect(&callout, |_| since).map(|_| ())
    }

    /// A callout of some delivery arrives or fails, or its answer does.
    pub(super) fn go_on(&mut self, faulty: bool) -> Result<(), String> {
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
    pub(super) fn result(
        &mut self,
        place: usize,
        callout: &Callout,
        faulty: bool,
    ) -> Result<CalloutResult, String> {
        let (chain, began) = (self.running[place].chain, self.running[place].began);
        let basis = self.running[place].basis.clone();
        let since = |subject: &str| basis.get(subject).copied().unwrap_or(began);
        if !faulty || !self.random.percent(self.temper.fault_percent) {
            return self.take_effect(callout, since).map(CalloutResult::from);
        }
        let fault = self.random.below(7);
        self.log(|| format!("chain {chain}: fault {fault} of {:?}", callout.request));
        let broken =
            |status: u16| FakeResponse::new(status, r#"{"error":{"type":"api_error"}}"#.into()).into();
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
    pub(super) fn take_effect(
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
        let answer = self.world.respond(callout);
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

    pub(super) fn log_effect(&mut self, callout: &Callout, answer: &FakeResponse) {
        let (method, path, _, body) = parts(callout);
        self.log(|| format!("{method} {path} {} -> {}", body.escape_ascii(), answer.body));
    }

    /// A delivery hears how a callout ended.
    pub(super) fn answer(&mut self, place: usize, call: usize) -> Result<(), String> {
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
