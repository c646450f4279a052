//! The answer of envoyproxy/ratelimit: `envoy.service.ratelimit.v3.RateLimitResponse`, read strictly.
//!
//! A configuration that is not the one that Tollgate ships would count wrongly or not at all, and say OK. So each
//! counter's capacity and unit are looked at in every answer.

use super::CAPACITY;
use super::descriptor::Counter;
use crate::http::{CalloutError, Outcome};
use crate::plan_table::Window;
use crate::protobuf::{Payload, Reader, WireError};
use crate::quota::window_state::WindowState;
use crate::time::Micros;

/// Why nothing is known of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// There is no response with counters. A service that cannot reach its Redis responds with a gRPC status.
    #[error("{0}")]
    Callout(#[from] CalloutError),
    /// It is not protobuf.
    #[error("its answer cannot be read: {0}")]
    Wire(#[from] WireError),
    /// It speaks of more or fewer counters than were asked for.
    #[error("its answer speaks of {got} counters, {asked} were asked for")]
    Count {
        /// How many were asked for.
        asked: usize,
        /// How many it speaks of.
        got: usize,
    },
    /// The service's configuration does not have the counter, or not as it must.
    #[error("its configuration is not Tollgate's: it has no counter `{entry}` up to {CAPACITY}")]
    Unconfigured {
        /// The key of the last entry of the descriptor.
        entry: &'static str,
    },
}

/// What is said of one counter. A field that is left out is 0.
#[derive(Clone, Copy, Debug, Default)]
struct DescriptorStatus {
    capacity: u64,
    unit: u64,
    remaining: u64,
    seconds_left: u64,
}

/// How the windows stand that were asked for, in the same order.
///
/// # Errors
/// [`AnswerError`]: then nothing is known of any.
pub fn read(
    outcome: &Outcome<'_>,
    asked: &[(Window, Counter)],
    now: Micros,
) -> Result<Vec<WindowState>, AnswerError> {
    let statuses = statuses(outcome.grpc_message()?, asked.len())?;
    asked
        .iter()
        .zip(statuses)
        .map(|((window, counter), status)| state(window, counter, status, now))
        .collect()
}

fn state(
    window: &Window,
    counter: &Counter,
    status: DescriptorStatus,
    now: Micros,
) -> Result<WindowState, AnswerError> {
    if status.capacity != CAPACITY || status.unit != counter.unit() {
        return Err(AnswerError::Unconfigured { entry: counter.entry().0 });
    }
    Ok(WindowState {
        per: window.per,
        max: window.max,
        used: CAPACITY.saturating_sub(status.remaining),
        interval: counter.counted_in(status.seconds_left, now),
    })
}

fn statuses(message: &[u8], asked: usize) -> Result<Vec<DescriptorStatus>, AnswerError> {
    const STATUSES: u64 = 2;
    let mut statuses = Vec::new();
    let mut got = 0_usize;
    let mut reader = Reader::new(message);
    while let Some((number, payload)) = reader.field()? {
        if let (STATUSES, Payload::Bytes(bytes)) = (number, payload) {
            got = got.saturating_add(1);
            if got <= asked {
                statuses.push(status(bytes)?);
            }
        }
    }
    if got == asked { Ok(statuses) } else { Err(AnswerError::Count { asked, got }) }
}

fn status(message: &[u8]) -> Result<DescriptorStatus, WireError> {
    const CURRENT_LIMIT: u64 = 2;
    const LIMIT_REMAINING: u64 = 3;
    const DURATION_UNTIL_RESET: u64 = 4;
    let mut status = DescriptorStatus::default();
    let mut reader = Reader::new(message);
    while let Some(field) = reader.field()? {
        match field {
            (CURRENT_LIMIT, Payload::Bytes(limit)) => {
                const REQUESTS_PER_UNIT: u64 = 1;
                const UNIT: u64 = 2;
                status.capacity = number(limit, REQUESTS_PER_UNIT)?;
                status.unit = number(limit, UNIT)?;
            }
            (LIMIT_REMAINING, Payload::Varint(remaining)) => status.remaining = remaining,
            (DURATION_UNTIL_RESET, Payload::Bytes(duration)) => {
                const SECONDS: u64 = 1;
                status.seconds_left = number(duration, SECONDS)?;
            }
            _ => {}
        }
    }
    Ok(status)
}

/// The number in that field of a message; the last one, if it is there several times.
fn number(message: &[u8], field: u64) -> Result<u64, WireError> {
    let mut value = 0;
    let mut reader = Reader::new(message);
    while let Some((number, payload)) = reader.field()? {
        if let Payload::Varint(found) = payload
            && number == field
        {
            value = found;
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan_table::Period;
    use crate::protobuf::{push_field, push_number};
    use crate::quota::calendar::Interval;

    const NOW: Micros = Micros::from_secs(1_795_703_415);

    fn status(capacity: u64, unit: u64, remaining: u64, seconds_left: u64) -> Vec<u8> {
        let (mut limit, mut duration, mut status) = (Vec::new(), Vec::new(), Vec::new());
        push_number(&mut limit, 1, capacity);
        push_number(&mut limit, 2, unit);
        push_number(&mut duration, 1, seconds_left);
        push_number(&mut status, 1, 1);
        push_field(&mut status, 2, &limit);
        push_number(&mut status, 3, remaining);
        push_field(&mut status, 4, &duration);
        status
    }

    fn answer(statuses: &[Vec<u8>]) -> Vec<u8> {
        let mut message = Vec::new();
        push_number(&mut message, 1, 1);
        for status in statuses {
            push_field(&mut message, 2, status);
        }
        message
    }

    fn asked(periods: &[Period]) -> Vec<(Window, Counter)> {
        periods.iter().map(|per| (Window { max: 5, per: *per }, Counter::at(*per, NOW))).collect()
    }

    #[test]
    fn what_is_missing_from_the_capacity_was_used() {
        let message = answer(&[status(CAPACITY, 4, CAPACITY - 3, 34_185), status(CAPACITY, 6, CAPACITY, 9)]);
        let states = read(&Outcome::Message(&message), &asked(&[Period::Day, Period::Month]), NOW).unwrap();
        let want = |per, used| WindowState { per, max: 5, used, interval: Interval::of(per, NOW) };
        assert_eq!(states, [want(Period::Day, 3), want(Period::Month, 0)]);
    }

    #[test]
    fn beyond_the_capacity_nothing_remains() {
        let mut over = Vec::new();
        push_number(&mut over, 1, 2);
        let mut limit = Vec::new();
        push_number(&mut limit, 1, CAPACITY);
        push_number(&mut limit, 2, 4);
        push_field(&mut over, 2, &limit);
        let states = read(&Outcome::Message(&answer(&[over])), &asked(&[Period::Day]), NOW).unwrap();
        assert_eq!(states[0].used, CAPACITY);
    }

    #[test]
    fn a_call_without_a_response_is_an_error_of_its_kind() {
        let cases = [
            (Outcome::TimedOut, CalloutError::TimedOut),
            (Outcome::Reset, CalloutError::Reset),
            (Outcome::ClusterUnknown, CalloutError::ClusterUnknown),
            (Outcome::Failed { grpc_status: 2 }, CalloutError::GrpcStatus(2)),
            (Outcome::TooLarge, CalloutError::TooLarge),
        ];
        for (outcome, want) in cases {
            assert_eq!(read(&outcome, &asked(&[Period::Day]), NOW), Err(want.into()));
        }
    }

    #[test]
    fn what_is_not_tollgates_configuration_or_not_an_answer_is_an_error() {
        let day = || asked(&[Period::Day]);
        let unconfigured = |entry| Err(AnswerError::Unconfigured { entry });
        let cases = [
            ("nothing", vec![], day(), Err(AnswerError::Count { asked: 1, got: 0 })),
            (
                "one counter too many",
                answer(&[status(CAPACITY, 4, 1, 1), status(CAPACITY, 4, 1, 1)]),
                day(),
                Err(AnswerError::Count { asked: 1, got: 2 }),
            ),
            (
                "no limit for it, which the service says OK to",
                answer(&[vec![8, 1]]),
                day(),
                unconfigured("per"),
            ),
            ("another capacity", answer(&[status(100, 4, 1, 1)]), day(), unconfigured("per")),
            ("another unit", answer(&[status(CAPACITY, 3, 1, 1)]), day(), unconfigured("per")),
            (
                "a month of thirty days",
                answer(&[status(CAPACITY, 5, 1, 1)]),
                asked(&[Period::Month]),
                unconfigured("period"),
            ),
            ("no protobuf", b"<html>".to_vec(), day(), Err(AnswerError::Wire(WireError::Form))),
            ("cut short", b"\x12\x09".to_vec(), day(), Err(AnswerError::Wire(WireError::Truncated))),
        ];
        for (why, message, asked, want) in cases {
            assert_eq!(read(&Outcome::Message(&message), &asked, NOW).map(|_| ()), want, "{why}");
        }
    }
}
