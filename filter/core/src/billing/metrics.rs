//! Metrics of the endpoints: how each was answered. The metrics of their syncs and callouts follow these.

use super::error::BillingError;
use super::route::EndpointKind;
use crate::report::{MetricDefinition, MetricId, MetricKind, Report};
use crate::sync::SyncMetrics;

/// What the names of all metrics begin with.
const PREFIX: &str = "tollgate.billing";

/// The results of an endpoint, in the order of their metrics.
const RESULTS: [&str; 3] = ["ok", "refused", "failed"];

/// The metrics of the syncs that endpoints start.
pub(super) const SYNC: SyncMetrics =
    SyncMetrics::starting_at(EndpointKind::ALL.len().saturating_mul(RESULTS.len()));

/// Counts a response of an endpoint.
pub(super) fn answered<T>(endpoint: EndpointKind, result: &Result<T, BillingError>) -> Report {
    let result = match result {
        Ok(_) => 0,
        Err(error) if error.is_refusal() => 1,
        Err(_) => 2,
    };
    Report::Count(MetricId((endpoint as usize).saturating_mul(RESULTS.len()).saturating_add(result)))
}

/// Returns the definitions of all metrics in the order of their ids.
pub(super) fn definitions() -> Vec<MetricDefinition> {
    let results = EndpointKind::ALL.into_iter().flat_map(|endpoint| {
        RESULTS.map(|result| MetricDefinition {
            kind: MetricKind::Counter,
            name: format!("{PREFIX}.{}.{result}", endpoint.name()),
        })
    });
    results.chain(SyncMetrics::definitions(PREFIX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{Service, SyncError};

    #[test]
    fn each_metric_id_has_the_matching_name() {
        let definitions = definitions();
        let name = |report: Report| match report {
            Report::Count(MetricId(index)) | Report::Record(MetricId(index), _) => {
                definitions[index].name.as_str()
            }
            Report::Line(..) => panic!("not a metric"),
        };
        for endpoint in EndpointKind::ALL {
            let cases = [
                ("ok", Ok(())),
                ("refused", Err(BillingError::NoChange)),
                ("refused", Err(BillingError::Overloaded)),
                ("failed", Err(BillingError::PricesUnavailable)),
            ];
            for (result, answer) in cases {
                let want = format!("tollgate.billing.{}.{result}", endpoint.name());
                assert_eq!(name(answered(endpoint, &answer)), want);
            }
        }
        let failed = SYNC.callout_failed(&SyncError::Credentials { service: Service::Clerk }).unwrap();
        assert_eq!(name(failed), "tollgate.billing.callouts_failed.clerk");
        assert_eq!(definitions.len(), EndpointKind::ALL.len() * RESULTS.len() + 4);
    }
}
