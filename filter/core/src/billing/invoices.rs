//! `GET invoices`: the invoices of the customer that pays.

use super::context::BillingContext;
use super::customer::Buyer;
use super::effects::EndpointResult;
use super::error::BillingError;
use super::members;
use super::response::{EndpointResponse, rfc3339};
use crate::ids::InvoiceId;
use crate::stripe::invoice_list::{InvoicePage, InvoicePayment, InvoiceSummary};
use serde::Serialize;

/// The maximum number of invoices in a response.
const LIMIT_MAX: u64 = 100;

/// The number of invoices in a response if the request has no `limit`.
const LIMIT_DEFAULT: u64 = 10;

/// The query of the request.
#[derive(Debug)]
pub(super) struct InvoicesRequest {
    limit: u64,
    after: Option<InvoiceId>,
}

impl InvoicesRequest {
    /// Reads the query of a path.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`].
    pub(super) fn read(path: &[u8]) -> Result<Self, BillingError> {
        let [limit, after] = members::query(path, ["limit", "after"])?;
        let limit = match limit {
            None => LIMIT_DEFAULT,
            Some(text) => {
                let number = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                number.ok_or_else(|| BillingError::invalid("limit", "it must be an integer from 1 to 100"))?
            }
        };
        let invalid = |_| BillingError::invalid("after", NOT_IN_LIST);
        let after = after.map(|id| InvoiceId::parse(&id)).transpose().map_err(invalid)?;
        Ok(InvoicesRequest { limit, after })
    }
}

/// The error of a parameter `after` that is not the id of an invoice of the customer.
const NOT_IN_LIST: &str = "it must be the id of one of these invoices";

#[derive(Serialize)]
struct InvoiceList<'a> {
    invoices: Vec<InvoiceView<'a>>,
    has_more: bool,
}

#[derive(Serialize)]
struct InvoiceView<'a> {
    id: &'a str,
    number: Option<&'a str>,
    status: Option<&'a str>,
    total: i64,
    currency: &'a str,
    created: String,
    hosted_url: Option<&'a str>,
    pdf_url: Option<&'a str>,
}

impl<'a> From<&'a InvoiceSummary> for InvoiceView<'a> {
    fn from(invoice: &'a InvoiceSummary) -> Self {
        InvoiceView {
            id: invoice.id.as_str(),
            number: invoice.number.as_deref(),
            status: invoice.status.as_deref(),
            total: invoice.total,
            currency: &invoice.currency,
            created: rfc3339(invoice.created_s),
            hosted_url: invoice.hosted_url.as_deref(),
            pdf_url: invoice.pdf_url.as_deref(),
        }
    }
}

/// Returns a page of invoices.
pub(super) async fn invoices(cx: BillingContext, request: InvoicesRequest) -> EndpointResult {
    let buyer = Buyer::read_without_search(&cx).await?;
    let Some(customer) = buyer.own.first() else {
        return match request.after {
            Some(_) => Err(BillingError::invalid("after", NOT_IN_LIST)),
            None => Ok(EndpointResponse::json(&InvoiceList { invoices: Vec::new(), has_more: false })),
        };
    };
    if let Some(after) = &request.after {
        // Stripe accepts any invoice of the account here, so another customer's invoice must be refused.
        let callout = cx.stripe().retrieve_invoice(after);
        let invoice = cx.read("GET /v1/invoices/:id", callout, InvoicePayment::parse).await?;
        if invoice.and_then(|invoice| invoice.customer).as_ref() != Some(customer) {
            return Err(BillingError::invalid("after", NOT_IN_LIST));
        }
    }
    let callout = cx.stripe().list_invoices(customer, request.limit, request.after.as_ref());
    let page = cx.read("GET /v1/invoices", callout, InvoicePage::parse).await?.unwrap_or_default();
    let invoices = page.invoices.iter().map(InvoiceView::from).collect();
    Ok(EndpointResponse::json(&InvoiceList { invoices, has_more: page.has_more }))
}
