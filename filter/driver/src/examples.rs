//! Compares the examples in `docs/alarms.md` with the alarms and the refusal that are written here. The others are in
//! the tests of the rules.

use crate::exchange::Exchange;
use crate::host::HostError;
use crate::memory::MemoryHost;
use crate::metrics::DefinedMetrics;
use crate::undecided::{self, UndecidedError};
use tollgate_core::http::{Forward, Reply};
use tollgate_core::problem::{Problem, ProblemCode};
use tollgate_core::report::{MetricDefinition, MetricKind};

/// The page.
const PAGE: &str = include_str!("../../../docs/alarms.md");

/// The status with which the host of the examples rejects a call.
const STATUS: u32 = 10;

/// Returns the alarms about what a host rejected.
fn rejected() -> Vec<String> {
    let mut host = MemoryHost::default();
    host.rejects_with = Some(STATUS);
    let mut exchange = Exchange::new(1, ());
    let respond_with = vec![("ratelimit", "\"asks\";r=4;t=52458".to_owned())];
    exchange.forward(&mut host, Forward { respond_with, ..Forward::default() });
    exchange.resume_if_forwarded(&mut host);
    exchange.respond(&mut host);
    let problem = Problem::new(401, ProblemCode::MissingToken, "a session token is required");
    Exchange::new(2, ()).reply(&mut host, Reply::from(problem));
    let metric =
        MetricDefinition { kind: MetricKind::Counter, name: "tollgate.gate.keys.fetched".to_owned() };
    DefinedMetrics::define(&mut host, &[metric]).unwrap();
    host.take_lines().into_iter().map(|(_, line)| line).collect()
}

/// Returns the alarm about a request without a decision, and the body of its response.
fn undecided() -> [String; 2] {
    let mut host = MemoryHost::default();
    undecided::refuse(&mut host, UndecidedError::Clock(HostError(STATUS)));
    let reply = host.request().reply.take().unwrap();
    let (_, line) = host.take_lines().remove(0);
    [line, String::from_utf8(reply.body).unwrap()]
}

#[test]
fn the_page_shows_what_is_written_here() {
    let written: Vec<String> = rejected().into_iter().chain(undecided()).collect();
    assert_eq!(written.len(), 6);
    let lacking: Vec<&str> =
        written.iter().map(String::as_str).filter(|line| !PAGE.lines().any(|shown| shown == *line)).collect();
    assert!(lacking.is_empty(), "docs/alarms.md lacks:\n{}", lacking.join("\n"));
}
