//! Reads the body and the query of a request, and creates its endpoint.

use super::cancel::{self, CancelRequest};
use super::change::{self, ChangeRequest};
use super::checkout::{self, CheckoutRequest};
use super::context::BillingContext;
use super::effects::{EndpointResult, RunningEndpoint};
use super::error::BillingError;
use super::invoices::{self, InvoicesRequest};
use super::members::Members;
use super::portal::{self, PortalRequest};
use super::rate_limit::{self, CountedKind};
use super::resume;
use super::route::EndpointKind;
use super::subscription;
use crate::sync::{Service, SyncError};

/// Creates the endpoint of a request.
///
/// # Errors
/// [`BillingError::InvalidRequest`] or [`BillingError::UrlNotAllowed`] if the body or the query is not valid.
pub(super) fn start(
    endpoint: EndpointKind,
    cx: BillingContext,
    body: &[u8],
    path: &[u8],
) -> Result<RunningEndpoint, BillingError> {
    let origins = cx.shared.settings.return_origins.clone();
    let members = || Members::parse(body);
    Ok(match endpoint {
        // This endpoint needs no caller, so `BillingRequest` starts it.
        EndpointKind::Plans => return Err(BillingError::Internal),
        EndpointKind::Subscription => {
            RunningEndpoint::new(cx.effects.clone(), subscription::subscription(cx))
        }
        EndpointKind::Invoices => {
            let request = InvoicesRequest::read(path)?;
            RunningEndpoint::new(cx.effects.clone(), async move {
                rate_limit::count(&cx, CountedKind::Reads).await?;
                invoices::invoices(cx, request).await
            })
        }
        EndpointKind::Checkout => {
            let request = CheckoutRequest::read(members()?, &origins)?;
            post(cx, async move |cx| checkout::checkout(cx, &request).await)
        }
        EndpointKind::Portal => {
            let request = PortalRequest::read(members()?, &origins)?;
            post(cx, async move |cx| portal::portal(cx, &request).await)
        }
        EndpointKind::Cancel => {
            let request = CancelRequest::read(members()?)?;
            post(cx, async move |cx| with_second_try(cx, async |cx| cancel::cancel(cx, &request).await).await)
        }
        EndpointKind::Resume => {
            members()?.end()?;
            post(cx, async |cx| with_second_try(cx, resume::resume).await)
        }
        EndpointKind::ChangePreview => {
            let request = ChangeRequest::read_preview(members()?)?;
            post(cx, async move |cx| change::preview(cx, &request).await)
        }
        EndpointKind::Change => {
            let request = ChangeRequest::read(members()?)?;
            post(cx, async move |cx| with_second_try(cx, async |cx| change::change(cx, &request).await).await)
        }
    })
}

/// Creates the endpoint of a POST. The request is counted before it is performed.
fn post(
    cx: BillingContext,
    endpoint: impl AsyncFn(BillingContext) -> EndpointResult + 'static,
) -> RunningEndpoint {
    RunningEndpoint::new(cx.effects.clone(), async move {
        rate_limit::count(&cx, CountedKind::Posts).await?;
        let result = endpoint(cx.clone()).await;
        if result.is_err() {
            // A part of the action may have been performed.
            subscription::invalidate_views(&cx).await;
        }
        result
    })
}

/// Performs an endpoint. If Stripe refuses a write, performs it once more, because another request may have
/// changed the subscription after it was read.
async fn with_second_try(
    cx: BillingContext,
    endpoint: impl AsyncFn(BillingContext) -> EndpointResult,
) -> EndpointResult {
    match endpoint(cx.clone()).await {
        Err(
            BillingError::ObjectMissing(_)
            | BillingError::Service(SyncError::Refused { service: Service::Stripe, .. }),
        ) => endpoint(cx).await,
        result => result,
    }
}
