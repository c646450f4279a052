//! `POST portal`: opens Stripe's customer portal.

use super::context::{BillingAction, BillingContext};
use super::customer::Buyer;
use super::effects::EndpointResult;
use super::error::BillingError;
use super::members::Members;
use super::owned::current;
use super::pending::ManagedBy;
use super::response::EndpointResponse;
use super::urls;
use crate::stripe::hosted_session::portal_url;
use crate::stripe::write::Parameters;
use serde::Serialize;

/// A page of the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortalFlow {
    PaymentMethod,
    Cancel,
    Change,
}

/// The body of the request.
#[derive(Debug)]
pub(super) struct PortalRequest {
    flow: Option<PortalFlow>,
    return_url: Option<String>,
}

impl PortalRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`] and [`BillingError::UrlNotAllowed`].
    pub(super) fn read(mut members: Members, origins: &[String]) -> Result<Self, BillingError> {
        let flows = [
            ("payment_method", PortalFlow::PaymentMethod),
            ("cancel", PortalFlow::Cancel),
            ("change", PortalFlow::Change),
        ];
        let flow = members.word("flow", &flows)?;
        let url = members.text("return_url")?;
        let return_url = url.map(|url| urls::check(url, origins, "return_url")).transpose()?;
        members.end()?;
        Ok(PortalRequest { flow, return_url })
    }
}

#[derive(Serialize)]
struct PortalResponse<'a> {
    url: &'a str,
}

/// Opens the portal.
pub(super) async fn portal(cx: BillingContext, request: &PortalRequest) -> EndpointResult {
    let buyer = Buyer::read_without_search(&cx).await?;
    let return_url = request.return_url.clone().unwrap_or_else(|| cx.settings().return_url.clone());
    let configuration = cx.settings().portal_configuration.clone();
    let subscription = current(&buyer.account).map(|owned| &owned.subscription);
    let customer = match request.flow {
        // These pages are about the subscription, so they open for the customer that pays for it.
        Some(PortalFlow::Cancel | PortalFlow::Change) => {
            let subscription = subscription.ok_or(BillingError::NoSubscription)?;
            let managed_by = ManagedBy::read(&cx, subscription).await?;
            if managed_by.is_other() || managed_by.is_pending(cx.now()) {
                // Stripe does not show these pages for a subscription that a schedule manages.
                return Err(BillingError::ChangePending);
            }
            Some(&subscription.customer).filter(|customer| buyer.own.contains(customer))
        }
        Some(PortalFlow::PaymentMethod) | None => buyer.own.first(),
    };
    let customer = customer.ok_or(BillingError::NoCustomer)?;
    let form = Parameters::default()
        .with("customer", customer.as_str())
        .with("return_url", return_url.clone())
        .with_optional("configuration", configuration);
    let form = match (request.flow, subscription) {
        (Some(PortalFlow::PaymentMethod), _) => form.with("flow_data[type]", "payment_method_update"),
        (Some(PortalFlow::Cancel), Some(subscription)) => form
            .with("flow_data[type]", "subscription_cancel")
            .with("flow_data[subscription_cancel][subscription]", subscription.id.as_str()),
        (Some(PortalFlow::Change), Some(subscription)) => form
            .with("flow_data[type]", "subscription_update")
            .with("flow_data[subscription_update][subscription]", subscription.id.as_str()),
        _ => form,
    };
    let form = match request.flow {
        Some(_) => form
            .with("flow_data[after_completion][type]", "redirect")
            .with("flow_data[after_completion][redirect][return_url]", return_url),
        None => form,
    };
    let callout = cx.stripe().create_portal_session(&form);
    let url = cx.send("POST /v1/billing_portal/sessions", callout, portal_url).await?;
    cx.audit(BillingAction::PortalOpened, None, Some(customer.as_str()));
    Ok(EndpointResponse::json(&PortalResponse { url: url.expose() }))
}
