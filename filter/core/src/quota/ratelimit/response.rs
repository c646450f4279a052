//! The response of envoyproxy/ratelimit: `envoy.service.ratelimit.v3.RateLimitResponse`, read strictly.
//!
//! With another configuration than the one that Tollgate ships, the service would count wrongly or not at
//! all, and still return OK. Therefore the capacity and unit of each counter are checked in every response.

use super::CAPACITY;
use super::descriptor::Counter;
use crate::http::{CalloutError, Outcome};
use crate::plan_table::Window;
use crate::protobuf::{Payload, Reader, WireError};
use crate::quota::window_state::WindowState;
use crate::time::Micros;

/// An error of a call to the rate limit service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatelimitError {
    /// There is no response with counters. A service that cannot reach its Redis responds with a gRPC status.
    #[error("{0}")]
    Callout(#[from] CalloutError),
    /// The message is not protobuf.
    #[error("the response cannot be read: {0}")]
    Wire(#[from] WireError),
    /// The response has more or fewer counters than the request.
    #[error("the response has {got} counters instead of {requested}")]
    Count {
        /// The number of counters in the request.
        requested: usize,
        /// The number of counters in the response.
        got: usize,
    },
    /// The service's configuration does not have the counter, or with another maximum or unit.
    #[error("the service's configuration is not Tollgate's: it has no counter `{entry}` up to {CAPACITY}")]
    Unconfigured {
        /// The key of the last entry of the descriptor.
        entry: &'static str,
    },
}

/// The status of one counter. An absent field is 0.
#[derive(Clone, Copy, Debug, Default)]
struct DescriptorStatus {
    capacity: u64,
    unit: u64,
    remaining: u64,
    seconds_left: u64,
}

/// Reads the state of the requested windows, in the same order.
///
/// # Errors
/// [`RatelimitError`] if the state of any window is not known.
pub fn read(
    outcome: &Outcome<'_>,
    requested: &[(Window, Counter)],
    now: Micros,
) -> Result<Vec<WindowState>, RatelimitError> {
    let statuses = statuses(outcome.grpc_message()?, requested.len())?;
    requested
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
) -> Result<WindowState, RatelimitError> {
    if status.capacity != CAPACITY || status.unit != counter.unit() {
        return Err(RatelimitError::Unconfigured { entry: counter.entry().0 });
    }
    Ok(WindowState {
        per: window.per,
        max: window.max,
        used: CAPACITY.saturating_sub(status.remaining),
        interval: counter.counted_in(status.seconds_left, now),
    })
}

fn statuses(message: &[u8], requested: usize) -> Result<Vec<DescriptorStatus>, RatelimitError> {
    const STATUSES: u64 = 2;
    let mut statuses = Vec::new();
    let mut got = 0_usize;
    let mut reader = Reader::new(message);
    while let Some((number, payload)) = reader.field()? {
        if let (STATUSES, Payload::Bytes(bytes)) = (number, payload) {
            got = got.saturating_add(1);
            if got <= requested {
                statuses.push(status(bytes)?);
            }
        }
    }
    if got == requested { Ok(statuses) } else { Err(RatelimitError::Count { requested, got }) }
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

/// Returns the number in that field of a message; the last one, if there are several.
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

    fn response(statuses: &[Vec<u8>]) -> Vec<u8> {
        let mut message = Vec::new();
        push_number(&mut message, 1, 1);
        for status in statuses {
            push_field(&mut message, 2, status);
        }
        message
    }

    fn requested(periods: &[Period]) -> Vec<(Window, Counter)> {
        periods.iter().map(|per| (Window { max: 5, per: *per }, Counter::at(*per, NOW))).collect()
    }

    #[test]
    fn the_use_is_the_difference_to_the_capacity() {
        let message =
            response(&[status(CAPACITY, 4, CAPACITY - 3, 34_185), status(CAPACITY, 6, CAPACITY, 9)]);
        let states =
            read(&Outcome::Message(&message), &requested(&[Period::Day, Period::Month]), NOW).unwrap();
        let want = |per, used| WindowState { per, max: 5, used, interval: Interval::containing(per, NOW) };
        assert_eq!(states, [want(Period::Day, 3), want(Period::Month, 0)]);
    }

    #[test]
    fn an_absent_remaining_value_means_all_is_used() {
        let mut over = Vec::new();
        push_number(&mut over, 1, 2);
        let mut limit = Vec::new();
        push_number(&mut limit, 1, CAPACITY);
        push_number(&mut limit, 2, 4);
        push_field(&mut over, 2, &limit);
        let states = read(&Outcome::Message(&response(&[over])), &requested(&[Period::Day]), NOW).unwrap();
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
            assert_eq!(read(&outcome, &requested(&[Period::Day]), NOW), Err(want.into()));
        }
    }

    #[test]
    fn other_configurations_and_malformed_responses_are_errors() {
        let day = || requested(&[Period::Day]);
        let unconfigured = |entry| Err(RatelimitError::Unconfigured { entry });
        let cases = [
            ("nothing", vec![], day(), Err(RatelimitError::Count { requested: 1, got: 0 })),
            (
                "one counter too many",
                response(&[status(CAPACITY, 4, 1, 1), status(CAPACITY, 4, 1, 1)]),
                day(),
                Err(RatelimitError::Count { requested: 1, got: 2 }),
            ),
            (
                "no limit for it, although the service returns OK",
                response(&[vec![8, 1]]),
                day(),
                unconfigured("per"),
            ),
            ("another capacity", response(&[status(100, 4, 1, 1)]), day(), unconfigured("per")),
            ("another unit", response(&[status(CAPACITY, 3, 1, 1)]), day(), unconfigured("per")),
            (
                "a month of thirty days",
                response(&[status(CAPACITY, 5, 1, 1)]),
                requested(&[Period::Month]),
                unconfigured("period"),
            ),
            ("no protobuf", b"<html>".to_vec(), day(), Err(RatelimitError::Wire(WireError::Form))),
            ("cut short", b"\x12\x09".to_vec(), day(), Err(RatelimitError::Wire(WireError::Truncated))),
        ];
        for (why, message, requested, want) in cases {
            assert_eq!(read(&Outcome::Message(&message), &requested, NOW).map(|_| ()), want, "{why}");
        }
    }
}
