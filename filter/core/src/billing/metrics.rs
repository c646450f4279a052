//! Metrics of the endpoints: successes, and problems by code. The metrics of their syncs and callouts follow
//! these.

use super::code::BillingCode;
use super::error::BillingError;
use super::route::EndpointKind;
use crate::report::{MetricDefinition, MetricId, MetricKind, Report};
use crate::sync::SyncMetrics;

/// The prefix of the names of all metrics.
const PREFIX: &str = "tollgate.billing";

/// The number of results of an endpoint: success, and each code of a problem.
const RESULTS: usize = BillingCode::COUNT.saturating_add(1);

/// The metrics of the syncs that endpoints start.
pub(super) const SYNC: SyncMetrics =
    SyncMetrics::starting_at(EndpointKind::ALL.len().saturating_mul(RESULTS));

/// Returns the report that counts a response of an endpoint.
pub(super) fn response_count<T>(endpoint: EndpointKind, result: &Result<T, BillingError>) -> Report {
    let result = match result {
        Ok(_) => 0,
        Err(error) => {
            let code = error.code();
            BillingCode::all().position(|listed| listed == code).unwrap_or_default().saturating_add(1)
        }
    };
    Report::Count(MetricId((endpoint as usize).saturating_mul(RESULTS).saturating_add(result)))
}

/// Returns the definitions of all metrics in the order of their ids.
pub(super) fn definitions() -> Vec<MetricDefinition> {
    let results = EndpointKind::ALL.into_iter().flat_map(|endpoint| {
        let codes = BillingCode::all().map(BillingCode::as_str);
        ["ok"].into_iter().chain(codes).map(move |result| MetricDefinition {
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
                ("not_found", Err(BillingError::NotFound)),
                ("no_change", Err(BillingError::NoChange)),
                ("upstream_unavailable", Err(BillingError::PricesUnavailable)),
                ("unsupported_token", Err(BillingError::UnsupportedToken)),
            ];
            for (result, response) in cases {
                let want = format!("tollgate.billing.{}.{result}", endpoint.name());
                assert_eq!(name(response_count(endpoint, &response)), want);
            }
        }
        let failed = SYNC
            .callout_failed(&SyncError::KeyRefused { service: Service::Clerk, why: String::new() })
            .unwrap();
        assert_eq!(name(failed), "tollgate.billing.callouts_failed.clerk");
        assert_eq!(definitions.len(), EndpointKind::ALL.len() * RESULTS + 4);
    }
}
