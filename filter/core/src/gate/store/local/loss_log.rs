//! Reports counters that were lost, because the table is full, or because another plugin writes to the shared data.
//!
//! Clients can cause evictions, so each line is logged at most once a minute. Those of anonymous callers have
//! limits of their own: a client with many addresses must not hide that the counters of users are lost.

use crate::alarm::{Alarm, AlarmCode};
use crate::gate::metrics::{GateEvent, GateMetrics};
use crate::log_limit::LogLimit;
use crate::quota::{Callers, Spent};
use crate::report::Report;
use crate::time::Micros;

/// The counters that one change of a bucket has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) struct LostCounters {
    /// The number of counters that were evicted because the bucket was full.
    pub(in crate::gate) evicted: u32,
    /// Whether the value was not a bucket, and was replaced.
    pub(in crate::gate) unreadable: bool,
}

impl LostCounters {
    /// Returns those of a change.
    pub(super) fn of(spent: &Spent) -> Self {
        LostCounters { evicted: spent.evicted, unreadable: spent.unreadable }
    }
}

/// The limits of the lines of one worker thread.
#[derive(Debug, Default)]
pub(in crate::gate) struct LossLog {
    signed_in: EvictionLog,
    anonymous: EvictionLog,
    unreadable: LogLimit,
}

/// The evictions of one table.
#[derive(Debug, Default)]
struct EvictionLog {
    logged: LogLimit,
    /// The number of counters that were evicted since the last line.
    evicted: u64,
}

impl LossLog {
    /// Adds the reports about a change of a bucket: a count each time, and an alarm at most once a minute.
    pub(in crate::gate) fn report(
        &mut self,
        metrics: &GateMetrics,
        callers: Callers,
        lost: LostCounters,
        now: Micros,
        reports: &mut Vec<Report>,
    ) {
        if lost.evicted > 0 {
            let (event, log, whose) = match callers {
                Callers::SignedIn => (GateEvent::Evicted, &mut self.signed_in, "users and organizations"),
                Callers::Anonymous => (GateEvent::AnonymousEvicted, &mut self.anonymous, "anonymous callers"),
            };
            reports.push(metrics.count_event(event));
            log.evicted = log.evicted.saturating_add(lost.evicted.into());
            if log.logged.is_due(now) {
                let cause = format!(
                    "the local store is full, so counters of {whose} were evicted, and their requests count from 0 again"
                );
                let cure = "raise `plan_gate.local_memory_mb`, or use `store: {ratelimit: …}`";
                let alarm = Alarm::warning(AlarmCode::CountersEvicted, cause, cure);
                reports.push(alarm.with("counters_lost", std::mem::take(&mut log.evicted)).into());
            }
        }
        if lost.unreadable {
            reports.push(metrics.count_event(GateEvent::StoreFailed));
            let cause = "another plugin has overwritten counters in the shared data of this `vm_id`, so they count from 0 \
                         again";
            self.report_unreadable(cause, "give Tollgate a `vm_id` of its own", now, reports);
        }
    }

    /// Adds the alarm that the shared seed cannot be read, at most once a minute.
    pub(super) fn report_unreadable_seed(&mut self, now: Micros, reports: &mut Vec<Report>) {
        let cause = "another plugin has overwritten the seed of the counters in the shared data of this `vm_id`, so no \
                     request can be counted";
        let cure = "give Tollgate a `vm_id` of its own, and restart Envoy";
        self.report_unreadable(cause, cure, now, reports);
    }

    fn report_unreadable(&mut self, cause: &str, cure: &str, now: Micros, reports: &mut Vec<Report>) {
        if self.unreadable.is_due(now) {
            reports.push(Alarm::error(AlarmCode::CountersUnreadable, cause, cure).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_all_evictions_of_its_table_since_the_last_one() {
        let (metrics, mut log) = (GateMetrics::new(Vec::new(), false), LossLog::default());
        let lost = LostCounters { evicted: 2, unreadable: false };
        let cases = [
            (Callers::SignedIn, 0, Some(2)),
            (Callers::SignedIn, 59, None),
            (Callers::Anonymous, 59, Some(2)),
            (Callers::SignedIn, 60, Some(4)),
        ];
        for (callers, second, want) in cases {
            let now = Micros::from_secs(1_800_000_000_u64.saturating_add(second));
            let mut reports = Vec::new();
            log.report(&metrics, callers, lost, now, &mut reports);
            assert!(matches!(reports[0], Report::Count(_)), "each is counted");
            let logged = reports.get(1).map(|report| {
                let Report::Line(_, line) = report else { panic!("{report:?}") };
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                line["counters_lost"].as_u64().unwrap()
            });
            assert_eq!(logged, want, "{callers:?} {second}");
        }
    }
}
