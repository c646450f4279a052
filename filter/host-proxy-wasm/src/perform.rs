//! Gives a machine one input and performs its actions until it waits or has judged the request.

use crate::callout;
use crate::exchange::{Exchange, Stage};
use crate::fault::Fault;
use crate::metrics::DefinedMetrics;
use crate::pending::{Pending, Waiting};
use crate::{abi, clock, property, shared_data, signature};
use std::collections::VecDeque;
use tollgate_core::http::{Callout, Outcome};
use tollgate_core::time::Micros;
use tollgate_core::{Action, CallId, Input, InquiryId, Machine};

/// How many steps a machine may take for one input. Compare-and-swaps that are lost to other workers are repeated,
/// so there is no small natural number; what goes on beyond this one will not end.
pub(crate) const STEPS_MAX: usize = 1_000;

/// What the requests of one configured filter share.
pub(crate) struct Root<W> {
    pub(crate) worker: W,
    pub(crate) metrics: DefinedMetrics,
}

/// Callouts of one request that ended before they began.
type Unstarted = VecDeque<(CallId, Outcome<'static>)>;

/// Gives the machine of a request one input. The request is the current context of the host.
pub(crate) fn perform<M: Machine>(
    root: &mut Root<M::Worker>,
    exchange: &mut Exchange<M>,
    context_id: u32,
    pending: &mut Pending,
    input: Input<'_>,
) {
    // One look at the clock for all the steps: nothing in between takes time.
    let now = match clock::now() {
        Ok(now) => now,
        Err(status) => return exchange.refuse_unjudged(Fault::Clock(status)),
    };
    let mut unstarted = Unstarted::new();
    let mut step = exchange.machine.handle(&mut root.worker, now, input);
    for _ in 0..STEPS_MAX {
        root.metrics.report(step.reports);
        let mut handle = |input: Input<'_>| exchange.machine.handle(&mut root.worker, now, input);
        step = match step.action {
            Action::Load { key } => {
                let loaded = shared_data::load(&key);
                handle(Input::Loaded { value: loaded.value.as_deref(), version: loaded.version })
            }
            Action::Swap { key, value, version } => {
                handle(Input::Swapped { stored: shared_data::swap(&key, &value, version) })
            }
            Action::Verify { public_key, signature, text } => {
                handle(Input::Verified(signature::verify(&public_key, &signature, &text)))
            }
            Action::ReadProperty { path } => handle(Input::Property(property::read(path).as_deref())),
            Action::Wait => match unstarted.pop_front() {
                Some((call, outcome)) => handle(Input::Answered { call, outcome }),
                None => return,
            },
            Action::Call(callouts) => {
                exchange.has_called = true;
                start_all(&callouts, context_id, pending, &mut unstarted);
                Action::Wait.into()
            }
            Action::Inquire { inquiry, callout } => {
                begin_inquiry::<M>(root, exchange.root_id, context_id, pending, now, inquiry, &callout);
                exchange.machine.handle(&mut root.worker, now, Input::Inquired)
            }
            Action::Await(inquiry) if pending.is_under_way(exchange.root_id, inquiry) => {
                exchange.awaits = Some(inquiry);
                Action::Wait.into()
            }
            Action::Await(_) => handle(Input::Settled),
            Action::Forward(forward) if exchange.stage == Stage::Held => return exchange.forward(forward),
            Action::Reply(reply) if exchange.stage == Stage::Held => return exchange.reply(&reply),
            // It was judged before.
            Action::Forward(_) | Action::Reply(_) => return,
        };
    }
    exchange.refuse_unjudged(Fault::StepsExceeded);
}

fn start_all(
    callouts: &[(CallId, Callout)],
    context_id: u32,
    pending: &mut Pending,
    unstarted: &mut Unstarted,
) {
    for (call, callout) in callouts {
        match callout::start(callout) {
            Ok(token) => pending.insert(token, Waiting::Request { context_id, call: *call }),
            Err(outcome) => unstarted.push_back((*call, outcome)),
        }
    }
}

/// Starts a callout of the filter's own, which no request's end cancels: Envoy attributes it to the effective context.
fn begin_inquiry<M: Machine>(
    root: &mut Root<M::Worker>,
    root_id: u32,
    context_id: u32,
    pending: &mut Pending,
    now: Micros,
    inquiry: InquiryId,
    callout: &Callout,
) {
    let started = match abi::set_effective_context(root_id).ok() {
        Ok(()) => callout::start(callout),
        Err(_) => Err(Outcome::Reset),
    };
    // Envoy refuses only contexts that it does not know, and this one's callback is running.
    let _ = abi::set_effective_context(context_id);
    match started {
        Ok(token) => pending.insert(token, Waiting::Worker { root_id, inquiry }),
        Err(outcome) => root.metrics.report(M::settle(&mut root.worker, now, inquiry, outcome)),
    }
}
