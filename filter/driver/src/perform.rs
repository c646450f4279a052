//! Passes one input to a machine and performs its actions until it waits or has decided on the request.

use crate::exchange::{Exchange, Stage};
use crate::host::Host;
use crate::metrics::DefinedMetrics;
use crate::pending::{CalloutOwner, PendingCallouts};
use crate::undecided::UndecidedError;
use std::collections::VecDeque;
use tollgate_core::http::{Callout, Outcome};
use tollgate_core::time::Micros;
use tollgate_core::{Action, CallId, Input, InquiryId, Machine};

/// The maximum number of steps of a machine for one input. A machine repeats compare-and-swaps that other
/// workers win, so a small number would be wrong; a machine that takes more steps would never end, and its
/// request is refused.
pub const STEPS_MAX: usize = 1_000;

/// A configured filter: the state that its requests share.
pub(crate) struct ConfiguredFilter<W> {
    pub(crate) worker: W,
    pub(crate) metrics: DefinedMetrics,
}

/// Callouts of one request that ended before they started.
type Unstarted = VecDeque<(CallId, Outcome<'static>)>;

/// Passes one input to the machine of a request. The request is the host's current one.
pub(crate) fn perform<M: Machine, H: Host>(
    host: &mut H,
    filter: &mut ConfiguredFilter<M::Worker>,
    exchange: &mut Exchange<M>,
    request_id: u32,
    pending: &mut PendingCallouts<H::CalloutId>,
    input: Input<'_>,
) {
    // The clock is read once, because the steps take no time.
    let now = match host.now() {
        Ok(now) => now,
        Err(error) => return exchange.refuse_undecided(host, UndecidedError::Clock(error)),
    };
    let mut unstarted = Unstarted::new();
    let mut step = exchange.machine.handle(&mut filter.worker, now, input);
    for _ in 0..STEPS_MAX {
        filter.metrics.report(host, step.reports);
        let mut handle = |input: Input<'_>| exchange.machine.handle(&mut filter.worker, now, input);
        step = match step.action {
            Action::Load { key } => {
                let loaded = host.load(&key);
                handle(Input::Loaded { value: loaded.value.as_deref(), version: loaded.version })
            }
            Action::Swap { key, value, version } => {
                handle(Input::Swapped { stored: host.swap(&key, &value, version) })
            }
            Action::Verify { public_key, signature, text } => {
                handle(Input::Verified(host.verify(&public_key, &signature, &text)))
            }
            Action::ReadProperty { path } => handle(Input::Property(host.property(path).as_deref())),
            Action::Wait => match unstarted.pop_front() {
                Some((call, outcome)) => handle(Input::CalloutEnded { call, outcome }),
                None => return,
            },
            Action::Call(callouts) => {
                exchange.has_called = true;
                start_all(host, &callouts, request_id, pending, &mut unstarted);
                Action::Wait.into()
            }
            Action::StartInquiry { inquiry, callout } => {
                let filter_id = exchange.filter_id;
                match host.start_inquiry(filter_id, request_id, &callout) {
                    Ok(started) => pending.insert(started, CalloutOwner::Filter { filter_id, inquiry }),
                    Err(outcome) => report_inquiry::<M, H>(host, filter, now, inquiry, outcome),
                }
                exchange.machine.handle(&mut filter.worker, now, Input::InquiryStarted)
            }
            Action::AwaitInquiry(inquiry) if pending.is_in_flight(exchange.filter_id, inquiry) => {
                exchange.awaited = Some(inquiry);
                Action::Wait.into()
            }
            Action::AwaitInquiry(_) => handle(Input::InquiryEnded),
            Action::Forward(forward) if exchange.stage == Stage::Held => {
                return exchange.forward(host, forward);
            }
            Action::Reply(reply) if exchange.stage == Stage::Held => return exchange.reply(host, reply),
            // There was a decision already.
            Action::Forward(_) | Action::Reply(_) => return,
        };
    }
    exchange.refuse_undecided(host, UndecidedError::StepsExceeded);
}

fn start_all<H: Host>(
    host: &mut H,
    callouts: &[(CallId, Callout)],
    request_id: u32,
    pending: &mut PendingCallouts<H::CalloutId>,
    unstarted: &mut Unstarted,
) {
    for (call, callout) in callouts {
        match host.start_callout(callout) {
            Ok(started) => pending.insert(started, CalloutOwner::Request { request_id, call: *call }),
            Err(outcome) => unstarted.push_back((*call, outcome)),
        }
    }
}

/// Passes the outcome of an inquiry to the filter's worker, and reports what the worker logs and counts.
pub(crate) fn report_inquiry<M: Machine, H: Host>(
    host: &mut H,
    filter: &mut ConfiguredFilter<M::Worker>,
    now: Micros,
    inquiry: InquiryId,
    outcome: Outcome<'_>,
) {
    let reports = M::end_inquiry(&mut filter.worker, now, inquiry, outcome);
    filter.metrics.report(host, reports);
}
