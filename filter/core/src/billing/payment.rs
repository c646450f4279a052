//! Checks whether the payment of a change has succeeded. If not, Stripe keeps the change pending and the
//! invoice open, and the plan stays (<https://docs.stripe.com/billing/subscriptions/pending-updates>).

use super::context::BillingContext;
use super::error::BillingError;
use crate::ids::InvoiceId;
use crate::stripe::invoice_list::InvoicePayment;
use crate::stripe::subscription::Subscription;

/// Checks the payment of a change, and voids the invoice of an earlier one that failed.
///
/// # Errors
/// [`BillingError::PaymentFailed`] and [`BillingError::PaymentActionRequired`] if the change waits for its
/// payment.
pub(super) async fn check(
    cx: &BillingContext,
    before: &Subscription,
    changed: &Subscription,
) -> Result<(), BillingError> {
    if changed.changes.has_pending_update {
        return Err(payment_error(cx, changed).await);
    }
    void_earlier_invoice(cx, before, latest_invoice(changed).as_ref()).await;
    Ok(())
}

/// Returns the error that tells why the latest invoice of a subscription is not paid. If the reason cannot be
/// read, the customer gets an error without it, and the operator an alarm if the API key is the cause.
pub(super) async fn payment_error(cx: &BillingContext, subscription: &Subscription) -> BillingError {
    let payment = match &latest_invoice(subscription) {
        None => None,
        Some(invoice) => {
            let callout = cx.stripe().retrieve_invoice(invoice);
            let payment = cx.read("GET /v1/invoices/:id", callout, InvoicePayment::parse).await;
            payment.unwrap_or_else(|error| {
                cx.report_if_credentials(&error);
                None
            })
        }
    };
    let (url, message, needs_authentication) = match payment {
        Some(payment) => (payment.hosted_url, payment.decline_message, payment.needs_authentication),
        None => (None, None, false),
    };
    match needs_authentication {
        true => BillingError::PaymentActionRequired { url },
        false => BillingError::PaymentFailed { message, url },
    }
}

fn latest_invoice(subscription: &Subscription) -> Option<InvoiceId> {
    subscription.changes.latest_invoice.as_deref().and_then(|id| InvoiceId::parse(id).ok())
}

/// Voids the open invoice of an earlier change whose payment failed, so that the customer does not pay for a
/// change that was not made. A failure does not change the response: Stripe voids the invoice itself when the
/// pending change expires, within a day.
async fn void_earlier_invoice(cx: &BillingContext, before: &Subscription, latest: Option<&InvoiceId>) {
    if !before.changes.has_pending_update {
        return;
    }
    let Some(earlier) = latest_invoice(before).filter(|earlier| Some(earlier) != latest) else { return };
    if let Err(error) = void_if_open(cx, &earlier).await {
        cx.report_if_credentials(&error);
    }
}

async fn void_if_open(cx: &BillingContext, invoice: &InvoiceId) -> Result<(), BillingError> {
    let callout = cx.stripe().retrieve_invoice(invoice);
    let read = cx.read("GET /v1/invoices/:id", callout, InvoicePayment::parse).await?;
    if read.is_none_or(|read| read.status.as_deref() != Some("open")) {
        return Ok(());
    }
    cx.send("POST /v1/invoices/:id/void", cx.stripe().void_invoice(invoice), |_| Ok(())).await
}
