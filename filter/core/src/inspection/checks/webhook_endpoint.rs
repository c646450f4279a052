//! The webhook endpoint at Stripe that delivers to this gateway.

use crate::config::Mode;
use crate::inspection::Inspection;
use crate::inspection::check::{CheckOutcome, CheckVerdict, listed};
use crate::inspection::read_error::ReadError;
use crate::stripe::api::STRIPE_VERSION;
use crate::stripe::event::{ENDPOINT_EVENTS, EventKind};
use crate::stripe::webhook_endpoint::WebhookEndpoint;
use std::collections::BTreeSet;

/// The name of all events in an endpoint's list.
const ALL_EVENTS: &str = "*";

/// Returns the URL at which the gateway gets Stripe's events; `None` without the section.
fn url(inspection: &Inspection<'_>) -> Option<String> {
    let path = &inspection.document.stripe_webhook.as_ref()?.endpoint.path;
    Some(format!("{}{path}", inspection.gateway_url))
}

/// Returns the endpoints with the gateway's URL.
fn endpoints<'a>(inspection: &'a Inspection<'_>) -> Option<Result<Vec<&'a WebhookEndpoint>, &'a ReadError>> {
    let url = url(inspection)?;
    Some(match &inspection.accounts.stripe.webhook_endpoints {
        Ok(list) => Ok(list.objects.iter().filter(|endpoint| endpoint.url == url).collect()),
        Err(error) => Err(error),
    })
}

/// Returns the verdict about the endpoints with the gateway's URL. If there are none, only [`exists`] says
/// so.
fn about<'a>(
    inspection: &'a Inspection<'_>,
    verdict: impl FnOnce(&[&'a WebhookEndpoint]) -> CheckVerdict,
) -> Option<CheckOutcome<'a>> {
    Some(match endpoints(inspection)? {
        Ok(endpoints) if endpoints.is_empty() => return None,
        Ok(endpoints) => Ok(verdict(&endpoints)),
        Err(error) => Err(error),
    })
}

/// Checks that an endpoint has the gateway's URL.
pub(super) fn exists<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let url = url(inspection)?;
    Some(match endpoints(inspection)? {
        Ok(_) if is_local(inspection.gateway_url) => Ok(CheckVerdict::warning(
            format!("Stripe cannot reach {url}, which is an address of this machine"),
            "on a laptop, deliver the events with `stripe listen`; before going live, run this with the public URL",
        )),
        Ok(endpoints) if endpoints.is_empty() => Ok(CheckVerdict::problem(
            format!("no webhook endpoint at Stripe has the URL {url}"),
            format!(
                "add the endpoint {url} at Stripe under Developers, Webhooks, or correct --url or the path"
            ),
        )),
        Ok(_) => Ok(CheckVerdict::ok(format!("Stripe delivers to {url}"))),
        Err(error) => Err(error),
    })
}

/// Returns whether a URL names the machine itself.
fn is_local(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, authority)| authority);
    let host = authority.strip_prefix('[').and_then(|rest| rest.split(']').next());
    let host = host.unwrap_or_else(|| authority.split(':').next().unwrap_or_default());
    host == "localhost"
        || host.ends_with(".localhost")
        || host == "::1"
        || host == "0.0.0.0"
        || host.starts_with("127.")
}

/// Checks that only one endpoint has the gateway's URL.
pub(super) fn once<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    about(inspection, |endpoints| match ids(endpoints) {
        ids if ids.len() > 1 => CheckVerdict::problem(
            format!("several endpoints have this URL: {}", listed(&ids)),
            "delete all but one: each has its own signing secret, and each event is delivered once for each",
        ),
        _ => CheckVerdict::ok("no other endpoint has this URL"),
    })
}

/// Checks that the endpoint is enabled.
pub(super) fn enabled<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    about(inspection, |endpoints| {
        let disabled: Vec<_> = endpoints.iter().copied().filter(|endpoint| !endpoint.enabled).collect();
        match ids(&disabled) {
            ids if ids.is_empty() => CheckVerdict::ok("the endpoint is enabled"),
            ids => CheckVerdict::problem(
                format!("disabled: {}", listed(&ids)),
                "enable the endpoint at Stripe; Stripe disables one that fails for days",
            ),
        }
    })
}

/// Checks that the endpoint gets every event that changes a plan.
pub(super) fn events_missing<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    about(inspection, |endpoints| {
        let events = events(endpoints);
        let is_missing = |event: &&str| !events.contains(event) && !events.contains(ALL_EVENTS);
        let missing: Vec<&str> = ENDPOINT_EVENTS.iter().copied().filter(is_missing).collect();
        match missing.as_slice() {
            [] => CheckVerdict::ok("the endpoint gets every event that changes a plan"),
            missing => CheckVerdict::problem(
                format!("the endpoint does not get {}", listed(missing)),
                format!("add to the endpoint's events: {}", missing.join(", ")),
            ),
        }
    })
}

/// Checks that the endpoint gets no event that the filter ignores, unless an upstream gets them too.
pub(super) fn events_superfluous<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let section = inspection.document.stripe_webhook.as_ref()?;
    if section.endpoint.mode == Mode::Forward {
        return None;
    }
    about(inspection, |endpoints| {
        let ignored = |event: &&str| EventKind::of_snapshot(event) == EventKind::NoWork;
        let superfluous: Vec<&str> = events(endpoints).into_iter().filter(ignored).collect();
        match superfluous.as_slice() {
            [] => CheckVerdict::ok("the endpoint gets no other event"),
            [ALL_EVENTS] => CheckVerdict::warning(
                "the endpoint gets all events, most of which the filter ignores",
                format!("select only {}", ENDPOINT_EVENTS.join(", ")),
            ),
            superfluous => CheckVerdict::warning(
                format!("the filter ignores {}", listed(superfluous)),
                "remove them from the endpoint: each is a request to the gateway for nothing",
            ),
        }
    })
}

/// Checks that the endpoint's events are of the API version that the filter requests.
pub(super) fn api_version<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    about(inspection, |endpoints| {
        let other = |endpoint: &&WebhookEndpoint| endpoint.api_version.as_deref() != Some(STRIPE_VERSION);
        let others: Vec<String> = endpoints
            .iter()
            .copied()
            .filter(|endpoint| other(endpoint))
            .map(|endpoint| {
                let version = endpoint.api_version.as_deref().unwrap_or("the account's default version");
                format!("{} ({version})", endpoint.id)
            })
            .collect();
        match others.as_slice() {
            [] => CheckVerdict::ok(format!("the endpoint's events are of {STRIPE_VERSION}")),
            others => CheckVerdict::warning(
                format!("the endpoint's events are of another API version: {}", listed(others)),
                format!(
                    "create the endpoint with the API version {STRIPE_VERSION}, which the filter is tested with"
                ),
            ),
        }
    })
}

fn ids<'a>(endpoints: &[&'a WebhookEndpoint]) -> Vec<&'a str> {
    endpoints.iter().map(|endpoint| endpoint.id.as_str()).collect()
}

fn events<'a>(endpoints: &[&'a WebhookEndpoint]) -> BTreeSet<&'a str> {
    endpoints.iter().flat_map(|endpoint| endpoint.events.iter().map(String::as_str)).collect()
}
