//! What the webhook filter counts: answers by status, failed callouts, and how long a sync takes.

use crate::report::{MetricDefinition, MetricId, MetricKind, Report};
use crate::sync::Service;
use crate::time::Micros;

/// What a delivery came to.
const RESULTS: [&str; 9] = [
    "processed",
    "already_received",
    "ignored",
    "no_subject",
    "subject_gone",
    "refused",
    "failed",
    "too_large",
    "overloaded",
];

const CALLOUTS_FAILED: [(Service, &str); 2] = [(Service::Stripe, "stripe"), (Service::Clerk, "clerk")];

const SYNC_DURATION: &str = "tollgate.webhook.sync_duration_ms";

/// Counts a delivery by its result.
pub(super) fn answered(result: &str) -> Option<Report> {
    let place = RESULTS.iter().position(|known| *known == result)?;
    Some(Report::Count(MetricId(place)))
}

/// Counts a callout that failed.
pub(super) fn callout_failed(service: Service) -> Report {
    let place = CALLOUTS_FAILED.iter().position(|(known, _)| *known == service).unwrap_or_default();
    Report::Count(MetricId(RESULTS.len().saturating_add(place)))
}

/// Records how long a sync took.
pub(super) fn sync_took(from: Micros, to: Micros) -> Report {
    let ms = u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX);
    Report::Record(MetricId(RESULTS.len().saturating_add(CALLOUTS_FAILED.len())), ms)
}

/// All of them, in the order of their ids.
pub(super) fn definitions() -> Vec<MetricDefinition> {
    let results = RESULTS.iter().map(|result| format!("tollgate.webhook.result.{result}"));
    let failures = CALLOUTS_FAILED.iter().map(|(_, name)| format!("tollgate.webhook.callouts_failed.{name}"));
    let counter = |name| MetricDefinition { kind: MetricKind::Counter, name };
    let duration = MetricDefinition { kind: MetricKind::Histogram, name: SYNC_DURATION.to_owned() };
    results.chain(failures).map(counter).chain([duration]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_the_name_of_what_it_counts() {
        let definitions = definitions();
        let name = |report: Report| match report {
            Report::Count(MetricId(place)) | Report::Record(MetricId(place), _) => {
                definitions[place].name.as_str()
            }
            Report::Line(..) => panic!("not a metric"),
        };
        assert_eq!(name(answered("processed").unwrap()), "tollgate.webhook.result.processed");
        assert_eq!(name(answered("too_large").unwrap()), "tollgate.webhook.result.too_large");
        assert_eq!(name(callout_failed(Service::Clerk)), "tollgate.webhook.callouts_failed.clerk");
        assert_eq!(name(sync_took(Micros::from_secs(1), Micros::from_secs(2))), SYNC_DURATION);
        assert_eq!(answered("anything else"), None);
    }
}
