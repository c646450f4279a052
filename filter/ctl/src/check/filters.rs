//! Tollgate's filters, in configurations of any kind: their names, their order, and the documents that they need.

use super::finding::{Finding, FindingKind, Location};
use crate::document::is_document;
use serde::de::IgnoredAny;
use serde_json::Value;

/// The filters with checks of their own.
pub(super) const WEBHOOK: &str = "stripe_webhook";
pub(super) const CLERK_WEBHOOK: &str = "clerk_webhook";
pub(super) const BILLING: &str = "billing";
pub(super) const GATE: &str = "plan_gate";
/// The filters that read a request's body before they answer it, and so need Envoy's
/// `allow_on_headers_stop_iteration`, in their order.
pub(super) const READERS: [&str; 3] = [WEBHOOK, CLERK_WEBHOOK, BILLING];

/// The text of a warning about filters in the wrong order.
pub(super) const ORDER: &str = "stripe_webhook must come before clerk_webhook, that before billing, and all before plan_gate: a \
                     webhook has no session token, and the billing endpoints answer for themselves";
/// The text of the error about a gate whose document has billing endpoints that no filter serves.
pub(super) const UNSERVED: &str = "the document has the section `billing`, so the gate lets the paths below `billing.path` pass without a \
                        token, but there is no filter `billing`: add it, or remove the section";

/// Returns the index of the first filter in a chain that comes after one that it must come before.
pub(super) fn out_of_order(filters: &[Option<&str>]) -> Option<usize> {
    const ORDERED: [&str; 4] = [WEBHOOK, CLERK_WEBHOOK, BILLING, GATE];
    let rank = |filter: &Option<&str>| ORDERED.iter().position(|name| Some(*name) == *filter);
    let ranks: Vec<(usize, usize)> =
        filters.iter().enumerate().filter_map(|(index, filter)| Some((index, rank(filter)?))).collect();
    let late = ranks.windows(2).find(|pair| matches!(pair, [(_, first), (_, second)] if first > second));
    late.and_then(|pair| pair.last()).map(|(index, _)| *index)
}

/// Returns what happens to a filter of [`READERS`] whose header Envoy does not hold back.
pub(super) fn not_held(filter: &str) -> &'static str {
    match filter {
        WEBHOOK | CLERK_WEBHOOK => "a webhook is never verified",
        _ => "a POST with a body is never answered",
    }
}

/// Returns the document of a filter, which is written as such or as JSON text.
pub(super) fn document_of(given: &Value) -> Option<Value> {
    let document = match given {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    is_document(&document).then_some(document)
}

/// Returns the document of a filter, which has the section of that name.
///
/// # Errors
/// The error, at this location, about what the filter needs to start.
pub(super) fn needed_document(filter: &str, given: &Value, location: Location) -> Result<Value, Finding> {
    let Some(document) = document_of(given) else {
        let mut text =
            "there is no Tollgate document here, and the filter does not start without one".to_owned();
        if let Some(Err(error)) = given.as_str().map(serde_json::from_str::<IgnoredAny>) {
            text.push_str(&format!(": the text is not JSON: {error}"));
        }
        return Err(Finding::new(FindingKind::MissingDocument, location, text));
    };
    if document.get(filter).is_none() {
        let text = format!(
            "the document has no section `{filter}`, and the filter does not start without it: add the section, or remove \
             the filter"
        );
        return Err(Finding::new(FindingKind::MissingSection, location, text));
    }
    Ok(document)
}

/// Returns whether the document of a filter has billing endpoints.
pub(super) fn has_billing(given: &Value) -> bool {
    document_of(given).is_some_and(|document| document.get(BILLING).is_some())
}
