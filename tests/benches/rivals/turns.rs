//! Load in turns: each candidate gets a fixed number of requests, and their processor time is measured.

use crate::candidates::Candidate;
use crate::connections::{CONNECTIONS, Connections};
use crate::figures::Measured;
use crate::options::Options;
use crate::processor;
use crate::requests::Ready;
use std::time::{Duration, Instant};
use tollgate_tests::install::workspace::progress;

/// The time that each candidate runs before it is measured: V8 recompiles functions that are called often.
const WARM_UP: Duration = Duration::from_secs(2);
/// The number of requests whose time determines how many requests a turn has.
const CALIBRATING_REQUESTS: usize = 10 * CONNECTIONS;
/// The maximum number of requests of a turn.
const TURN_REQUESTS_MAX: usize = 20_000;

/// A candidate with its connections.
struct Driven<'a> {
    candidate: &'a Candidate,
    connections: Connections,
    /// The number of requests of a turn.
    turn_requests: usize,
    /// The number of requests that were sent.
    sent: usize,
}

/// Warms up all candidates and returns their measurements.
///
/// # Panics
/// If a candidate does not respond as expected.
pub(crate) fn run(all: &[Candidate], options: &Options) -> Vec<Measured> {
    let mut driven: Vec<_> = all.iter().map(|candidate| Driven::warm_up(candidate, options)).collect();
    let mut measured: Vec<_> = all.iter().map(Measured::new).collect();
    for round in 1..=options.rounds {
        if round.is_multiple_of(10) {
            progress(&format!("round {round} of {}", options.rounds));
        }
        let requests: Vec<_> = all.iter().map(|candidate| candidate.requests.now()).collect();
        // In order, then in reverse order: a change of the machine's speed affects all candidates alike.
        let mut took: Vec<_> =
            driven.iter_mut().zip(&requests).map(|(driven, requests)| driven.turn(requests)).collect();
        for ((driven, requests), took) in driven.iter_mut().zip(&requests).zip(&mut took).rev() {
            *took += driven.turn(requests);
        }
        for ((measured, driven), took) in measured.iter_mut().zip(&driven).zip(took) {
            measured.rounds_us.push(took.as_secs_f64() * 1e6 / (2 * driven.turn_requests) as f64);
        }
    }
    measured
}

impl<'a> Driven<'a> {
    fn warm_up(candidate: &'a Candidate, options: &Options) -> Driven<'a> {
        progress(&format!("warming up {}", candidate.name));
        let connections = Connections::new(candidate.address);
        let mut driven = Driven { candidate, connections, turn_requests: 0, sent: 0 };
        let requests = candidate.requests.now();
        let end = Instant::now() + WARM_UP;
        // The warm-up also uses up the limits that must be used up, so it does not check statuses.
        while Instant::now() < end {
            driven.send(&requests, CALIBRATING_REQUESTS, |_, _| ());
        }
        let mut first = true;
        let took = driven.measure(&requests, CALIBRATING_REQUESTS, |candidate, status, response| {
            candidate.check_status(status, response);
            if std::mem::take(&mut first) {
                candidate.check_field(response);
            }
        });
        let each = took.as_secs_f64() / CALIBRATING_REQUESTS as f64;
        let batches = (options.turn().as_secs_f64() / each / CONNECTIONS as f64).ceil() as usize;
        driven.turn_requests = (batches.max(1) * CONNECTIONS).min(TURN_REQUESTS_MAX);
        driven
    }

    /// Runs one turn and returns its processor time.
    fn turn(&mut self, requests: &Ready) -> Duration {
        self.measure(requests, self.turn_requests, Candidate::check_status)
    }

    fn measure(
        &mut self,
        requests: &Ready,
        count: usize,
        mut check: impl FnMut(&Candidate, u16, &[u8]),
    ) -> Duration {
        self.connections.renew();
        let before = processor::taken(&self.candidate.counted);
        let candidate = self.candidate;
        self.send(requests, count, |status, response| check(candidate, status, response));
        processor::taken(&self.candidate.counted).saturating_sub(before)
    }

    fn send(&mut self, requests: &Ready, count: usize, check: impl FnMut(u16, &[u8])) {
        self.connections.renew();
        let next = requests.iter().cycle().skip(self.sent % requests.len()).take(count);
        self.sent += count;
        // The fakes of Stripe and Clerk run in this process too, on other threads.
        tokio::task::block_in_place(|| self.connections.send(next.map(Vec::as_slice), check));
    }
}
