//! Whether the payment of a change has succeeded. If not, Stripe keeps the change pending and the invoice open; the
//! plan stays (<https://docs.stripe.com/billing/subscriptions/pending-updates>).

use super::context::BillingContext;
use super::error::BillingError;
use crate::ids::InvoiceId;
use crate::stripe::invoice_list::InvoicePayment;
use crate::stripe::subscription::Subscription;

/// Checks the payment of a change, and voids the invoice of an earlier one that failed.
///
/// # Errors
/// [`BillingError::PaymentFailed`] and [`BillingError::PaymentActionRequired`] if the change waits for its payment.
pub(super) async fn check(
    cx: &BillingContext,
    before: &Subscription,
    changed: &Subscription,
) -> Result<(), BillingError> {
    let latest = changed.changes.latest_invoice.as_deref().and_then(|id| InvoiceId::parse(id).ok());
    if !changed.changes.has_pending_update {
        void_earlier(cx, before, latest.as_ref()).await;
        return Ok(());
    }
    let payment = match &latest {
        None => None,
        Some(invoice) => {
            let callout = cx.stripe().retrieve_invoice(invoice);
            cx.read("GET /v1/invoices/:id", callout, InvoicePayment::parse).await.unwrap_or_default()
        }
    };
    let (url, message, needs_authentication) = match payment {
        Some(payment) => (payment.hosted_url, payment.decline_message, payment.needs_authentication),
        None => (None, None, false),
    };
    Err(match needs_authentication {
        true => BillingError::PaymentActionRequired { url },
        false => BillingError::PaymentFailed { message, url },
    })
}

/// Voids the open invoice of an earlier change whose payment failed, so that it is not paid for nothing. If that fails,
/// the change stands nevertheless: Stripe voids the invoice itself when the pending change expires, within a day.
async fn void_earlier(cx: &BillingContext, before: &Subscription, latest: Option<&InvoiceId>) {
    if !before.changes.has_pending_update {
        return;
    }
    let earlier = before.changes.latest_invoice.as_deref().and_then(|id| InvoiceId::parse(id).ok());
    let Some(earlier) = earlier.filter(|earlier| Some(earlier) != latest) else { return };
    let callout = cx.stripe().retrieve_invoice(&earlier);
    let invoice = cx.read("GET /v1/invoices/:id", callout, InvoicePayment::parse).await;
    if invoice.is_ok_and(|invoice| invoice.is_some_and(|invoice| invoice.status.as_deref() == Some("open"))) {
        let callout = cx.stripe().void_invoice(&earlier);
        let _: Result<(), BillingError> = cx.send("POST /v1/invoices/:id/void", callout, |_| Ok(())).await;
    }
}
