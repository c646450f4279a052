//! A model of envoyproxy/ratelimit with Tollgate's configuration, which counts by its own clock.

use super::protobuf::{Payload, fields, messages, push_message, push_number};
use std::collections::BTreeMap;
use tollgate_core::http::{Callout, Request};
use tollgate_core::time::Micros;
use tollgate_driver::CalloutResult;

const CAPACITY: u64 = 4_294_967_295;

/// The service and its Redis.
#[derive(Debug, Default)]
pub(super) struct FakeRatelimit {
    counters: BTreeMap<String, u64>,
    /// The failure of every call, if calls fail.
    pub(super) fails: Option<Failure>,
    /// The difference between its clock and that of the gateways.
    pub(super) ahead_s: i64,
    /// The number of calls that only read.
    pub(super) queries: u64,
    /// The number of calls that added.
    pub(super) additions: u64,
}

/// A failure of a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    TimesOut,
    Refuses,
    Empty,
    /// Its configuration has no counters.
    Unconfigured,
}

impl FakeRatelimit {
    pub(super) fn calls(&self) -> u64 {
        self.queries + self.additions
    }

    /// Returns the sum of the counters whose keys contain all these parts.
    pub(super) fn counted(&self, parts: &[&str]) -> u64 {
        let named = self.counters.iter().filter(|(key, _)| parts.iter().all(|part| key.contains(part)));
        named.map(|(_, used)| *used).sum()
    }

    /// Drops all counters, as if its Redis had lost its data.
    pub(super) fn forget(&mut self) {
        self.counters.clear();
    }

    pub(super) fn answer(&mut self, callout: &Callout, now: Micros) -> CalloutResult {
        let Request::Grpc { service, method, message } = &callout.request else { panic!("{callout:?}") };
        assert_eq!(
            (*service, *method, callout.cluster.as_str()),
            ("envoy.service.ratelimit.v3.RateLimitService", "ShouldRateLimit", "ratelimit")
        );
        match self.fails {
            Some(Failure::TimesOut) => CalloutResult::TimedOut,
            Some(Failure::Refuses) => CalloutResult::Failed { grpc_status: 2 },
            Some(Failure::Empty) => CalloutResult::Message(Vec::new()),
            Some(Failure::Unconfigured) | None => CalloutResult::Message(self.count(message, now)),
        }
    }

    fn count(&mut self, message: &[u8], now: Micros) -> Vec<u8> {
        let now_s = now.as_secs().checked_add_signed(self.ahead_s).unwrap();
        let (mut domain, mut result, mut adds) = (String::new(), Vec::new(), false);
        for (number, bytes) in messages(message) {
            match number {
                1 => domain = text(bytes),
                2 => {
                    let (path, hits) = descriptor(&bytes);
                    adds |= hits > 0;
                    let status = self.status(&format!("{domain} {path}"), hits, now_s);
                    push_message(&mut result, 2, &status);
                }
                other => panic!("field {other}"),
            }
        }
        *if adds { &mut self.additions } else { &mut self.queries } += 1;
        result
    }

    fn status(&mut self, path: &str, hits: u64, now_s: u64) -> Vec<u8> {
        let units =
            [("per=second", 1, 1), ("per=minute", 60, 2), ("per=hour", 3_600, 3), ("per=day", 86_400, 4)];
        let fixed =
            units.iter().find(|(name, ..)| path.contains(name)).map(|(_, length, unit)| (*length, *unit));
        let (length, unit) = fixed.unwrap_or((31_536_000, 6));
        let mut status = Vec::new();
        if self.fails.is_some() {
            return status;
        }
        let used = self.counters.entry(format!("{path} {}", now_s / length)).or_default();
        *used += hits;
        let (mut limit, mut left) = (Vec::new(), Vec::new());
        push_number(&mut limit, 1, CAPACITY);
        push_number(&mut limit, 2, unit);
        push_number(&mut left, 1, length - now_s % length);
        push_message(&mut status, 2, &limit);
        push_number(&mut status, 3, CAPACITY - *used);
        push_message(&mut status, 4, &left);
        status
    }
}

/// Reads a descriptor as `subject=user_1 limit=asks per=day`, with the number to add.
fn descriptor(bytes: &[u8]) -> (String, u64) {
    let (mut path, mut hits) = (Vec::new(), None);
    for (number, bytes) in messages(bytes) {
        match number {
            1 => {
                let parts = messages(&bytes).into_iter().map(|(_, part)| text(part));
                path.push(parts.collect::<Vec<_>>().join("="));
            }
            3 => match fields(&bytes)[..] {
                [(1, Payload::Number(number))] => hits = Some(number),
                ref other => panic!("{other:?}"),
            },
            other => panic!("field {other}"),
        }
    }
    (path.join(" "), hits.unwrap_or(1))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}
