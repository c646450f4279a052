//! The effects that an endpoint asks for, and the suspended endpoint that asks.
//!
//! An endpoint is an async function: the compiler turns its steps into a state machine. It performs no I/O
//! and needs no runtime. It asks for an [`Effect`], is suspended, and is resumed with the [`EffectResult`];
//! the request's machine performs the effect by its actions
//! ([why](../../../docs/decisions/0029-billing-endpoints-are-async-functions.md)).

use super::error::BillingError;
use super::prices::PriceList;
use super::response::EndpointResponse;
use crate::http::{Callout, HeaderMap, Outcome};
use crate::machine::Version;
use crate::report::Report;
use crate::sync::{SubjectAccount, SyncError, Trigger};
use crate::time::Micros;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// An effect that an endpoint asks for.
#[derive(Debug)]
pub(super) enum Effect {
    /// Callouts, in parallel.
    Call(Vec<Callout>),
    /// The current account of a subject, from Clerk and Stripe.
    ReadAccount(Box<Trigger>),
    /// A sync, which is recorded in the audit.
    Sync(Box<Trigger>),
    /// The prices of the plans.
    Prices,
    /// A value that all workers of the process share.
    Load(String),
    /// A write of a shared value, if its version has not changed.
    Swap {
        /// Its key.
        key: String,
        /// The new value.
        value: Vec<u8>,
        /// The version that was loaded.
        version: Version,
    },
}

/// The result of an [`Effect`].
#[derive(Debug)]
pub(super) enum EffectResult {
    /// The outcomes of the callouts, in their order.
    Outcomes(Vec<OwnedOutcome>),
    /// The subject; the inner `None` means that Clerk does not have it.
    Account(Result<Option<Box<SubjectAccount>>, SyncError>),
    /// Whether the sync has succeeded.
    Synced(bool),
    /// The prices; `None` if they could not be read.
    Prices(Option<Rc<PriceList>>),
    /// The shared value.
    Loaded(Option<Vec<u8>>, Version),
    /// Whether the shared value was written.
    Swapped(bool),
}

/// An [`Outcome`] that outlives the input that contained it.
#[derive(Debug)]
pub(super) enum OwnedOutcome {
    /// A response.
    Response {
        /// The status code.
        status: u16,
        /// The header fields.
        headers: HeaderMap,
        /// The body.
        body: Vec<u8>,
    },
    /// Any other outcome.
    Failed(Outcome<'static>),
}

impl From<&Outcome<'_>> for OwnedOutcome {
    fn from(outcome: &Outcome<'_>) -> Self {
        match *outcome {
            Outcome::Response { status, headers, body } => {
                OwnedOutcome::Response { status, headers: headers.clone(), body: body.to_vec() }
            }
            // No endpoint makes a gRPC call.
            Outcome::Message(_) => OwnedOutcome::Failed(Outcome::Reset),
            Outcome::Failed { grpc_status } => OwnedOutcome::Failed(Outcome::Failed { grpc_status }),
            Outcome::TimedOut => OwnedOutcome::Failed(Outcome::TimedOut),
            Outcome::Reset => OwnedOutcome::Failed(Outcome::Reset),
            Outcome::TlsFailed(failure) => OwnedOutcome::Failed(Outcome::TlsFailed(failure)),
            Outcome::TooLarge => OwnedOutcome::Failed(Outcome::TooLarge),
            Outcome::ClusterUnknown => OwnedOutcome::Failed(Outcome::ClusterUnknown),
        }
    }
}

impl OwnedOutcome {
    /// Returns the outcome.
    pub(super) fn as_outcome(&self) -> Outcome<'_> {
        match self {
            OwnedOutcome::Response { status, headers, body } => {
                Outcome::Response { status: *status, headers, body }
            }
            OwnedOutcome::Failed(outcome) => *outcome,
        }
    }
}

/// The result of an endpoint.
pub(super) type EndpointResult = Result<EndpointResponse, BillingError>;

/// The slot through which an endpoint and its request's machine exchange effects and results.
#[derive(Default)]
struct Slot {
    effect: Cell<Option<Effect>>,
    result: Cell<Option<EffectResult>>,
    now: Cell<Micros>,
    reports: RefCell<Vec<Report>>,
}

/// The endpoint's side of the slot.
#[derive(Clone, Default)]
pub(super) struct Effects(Rc<Slot>);

impl Effects {
    /// Asks for an effect, and waits for its result.
    pub(super) async fn perform(&self, effect: Effect) -> EffectResult {
        self.0.effect.set(Some(effect));
        std::future::poll_fn(|_| self.0.result.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Returns the time.
    pub(super) fn now(&self) -> Micros {
        self.0.now.get()
    }

    /// Adds a log line or a metric.
    pub(super) fn report(&self, report: Report) {
        // No borrow of `reports` outlives a function call, so this never fails.
        if let Ok(mut reports) = self.0.reports.try_borrow_mut() {
            reports.push(report);
        }
    }
}

/// An endpoint that is suspended.
pub(super) struct RunningEndpoint {
    future: Pin<Box<dyn Future<Output = EndpointResult>>>,
    effects: Effects,
}

impl std::fmt::Debug for RunningEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunningEndpoint")
    }
}

/// The state of an endpoint after it has run.
#[derive(Debug)]
pub(super) enum EndpointProgress {
    /// It waits for the result of this effect.
    Effect(RunningEndpoint, Effect),
    /// It has ended.
    Ended(EndpointResult),
}

impl RunningEndpoint {
    /// Creates an endpoint that has not run yet.
    pub(super) fn new(effects: Effects, future: impl Future<Output = EndpointResult> + 'static) -> Self {
        RunningEndpoint { future: Box::pin(future), effects }
    }

    /// Runs the endpoint until it asks for an effect or ends. `result` is the result of the last effect;
    /// `None` at the first call.
    pub(super) fn resume(
        mut self,
        now: Micros,
        result: Option<EffectResult>,
        reports: &mut Vec<Report>,
    ) -> EndpointProgress {
        self.effects.0.now.set(now);
        self.effects.0.result.set(result);
        let polled = self.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Ok(mut reported) = self.effects.0.reports.try_borrow_mut() {
            reports.append(&mut reported);
        }
        match (polled, self.effects.0.effect.take()) {
            (Poll::Ready(result), _) => EndpointProgress::Ended(result),
            (Poll::Pending, Some(effect)) => EndpointProgress::Effect(self, effect),
            // Cannot happen: an endpoint awaits only effects.
            (Poll::Pending, None) => EndpointProgress::Ended(Err(BillingError::Internal)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_gets_each_result_and_the_time_at_which_it_arrived() {
        let effects = Effects::default();
        let own = effects.clone();
        let running = RunningEndpoint::new(effects, async move {
            // `perform` does not check that a result matches its effect.
            let first = own.perform(Effect::Load("a".to_owned())).await;
            assert!(matches!(first, EffectResult::Swapped(true)), "{first:?}");
            assert_eq!(own.now(), Micros::from_secs(2));
            own.report(Report::Count(crate::report::MetricId(7)));
            own.perform(Effect::Prices).await;
            Err(BillingError::NotFound)
        });
        let mut reports = Vec::new();
        let EndpointProgress::Effect(running, Effect::Load(key)) =
            running.resume(Micros::from_secs(1), None, &mut reports)
        else {
            panic!("it asks for the shared value")
        };
        assert_eq!(key, "a");
        let second = running.resume(Micros::from_secs(2), Some(EffectResult::Swapped(true)), &mut reports);
        let EndpointProgress::Effect(running, Effect::Prices) = second else { panic!("{second:?}") };
        assert_eq!(reports.len(), 1);
        let end = running.resume(Micros::from_secs(3), Some(EffectResult::Prices(None)), &mut reports);
        assert!(matches!(end, EndpointProgress::Ended(Err(BillingError::NotFound))), "{end:?}");
    }
}
