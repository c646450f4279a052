//! Checkout Sessions.

use super::StripeMetadata;

/// A price of a Checkout Session, and how many of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineItem {
    /// The price's id.
    pub price: String,
    /// The quantity.
    pub quantity: i64,
}

/// The parameters of a Checkout Session other than its price.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSettings {
    /// The language of the page.
    pub locale: Option<String>,
    /// Whether promotion codes can be entered.
    pub allow_promotion_codes: Option<bool>,
    /// `auto` or `required`.
    pub billing_address_collection: Option<String>,
    /// `always` or `if_required`; `None` outside of mode `subscription`.
    pub payment_method_collection: Option<String>,
    /// Whether taxes are calculated.
    pub automatic_tax: bool,
    /// Whether tax ids are collected; `None` if the request did not say.
    pub tax_id_collection: Option<bool>,
    /// Whether a one-time payment gets an invoice.
    pub invoice_creation: bool,
    /// The e-mail address that the form begins with.
    pub customer_email: Option<String>,
    /// Metadata of the payment intent.
    pub payment_metadata: StripeMetadata,
    /// Metadata of the subscription.
    pub subscription_metadata: StripeMetadata,
    /// The days of the trial.
    pub trial_days: Option<i64>,
    /// The behavior of a subscription without a card at the end of its trial.
    pub missing_payment_method: Option<String>,
}

/// A Checkout Session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    /// `cs_test_…` or `cs_live_…`
    pub id: String,
    /// Unix seconds. If it is 0, it becomes the time at which the object is added.
    pub created: i64,
    /// The customer's id, once there is one.
    pub customer: Option<String>,
    /// The subscription's id, once the session is complete.
    pub subscription: Option<String>,
    /// `subscription`, `payment` or `setup`.
    pub mode: String,
    /// `open`, `complete` or `expired`.
    pub status: String,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub payment_status: String,
    /// The reference that the merchant set, or the payer on a payment link.
    pub client_reference_id: Option<String>,
    /// Its metadata, which is not copied to the subscription.
    pub metadata: StripeMetadata,
    /// The URL of its page while it is open.
    pub url: Option<String>,
    /// The URL to which its page redirects after the payment.
    pub success_url: Option<String>,
    /// The URL to which its page links for buyers who do not pay.
    pub cancel_url: Option<String>,
    /// Unix seconds. If it is 0, it becomes 24 hours after the creation.
    pub expires_at: i64,
    /// The lines that are bought.
    pub line_items: Vec<LineItem>,
    /// The amount to pay now, in the smallest unit of the currency.
    pub amount_total: i64,
    /// The currency's code in lower case. If it is empty, it becomes `usd`.
    pub currency: String,
    /// The invoice's id, once the session is complete.
    pub invoice: Option<String>,
    /// The payment intent's id in mode `payment`.
    pub payment_intent: Option<String>,
    /// The parameters with which it was created.
    pub settings: SessionSettings,
}

impl Session {
    /// Returns a completed and paid session that created that subscription of that customer.
    pub fn new(id: &str, customer: &str, subscription: &str) -> Self {
        Session {
            id: id.to_owned(),
            customer: Some(customer.to_owned()),
            subscription: Some(subscription.to_owned()),
            mode: "subscription".to_owned(),
            status: "complete".to_owned(),
            payment_status: "paid".to_owned(),
            success_url: Some("https://app.example.com/welcome".to_owned()),
            cancel_url: Some("https://app.example.com/pricing".to_owned()),
            amount_total: 2000,
            ..Session::default()
        }
    }

    /// Returns where its page sends the customer after the payment.
    ///
    /// # Panics
    /// If it has no page.
    pub(in crate::fakes::stripe) fn destination(&self) -> String {
        let url = self.success_url.as_ref().expect("a session with a page has a URL");
        url.replace("{CHECKOUT_SESSION_ID}", &self.id)
    }

    /// Sets the reference.
    #[must_use]
    pub fn client_reference_id(mut self, reference: &str) -> Self {
        self.client_reference_id = Some(reference.to_owned());
        self
    }
}
