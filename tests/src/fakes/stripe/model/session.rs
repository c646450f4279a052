//! Checkout Sessions.

use super::StripeMetadata;

/// A Checkout Session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    /// `cs_test_…` or `cs_live_…`
    pub id: String,
    /// The creation time in Unix seconds; 0 stands for the time at which it is put.
    pub created: i64,
    /// The customer's id, once there is one.
    pub customer: Option<String>,
    /// The subscription's id, once it is complete.
    pub subscription: Option<String>,
    /// `subscription`, `payment` or `setup`.
    pub mode: String,
    /// `open`, `complete` or `expired`.
    pub status: String,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub payment_status: String,
    /// The reference that the application set, or on a payment link the payer.
    pub client_reference_id: Option<String>,
    /// Its metadata: not copied to the subscription.
    pub metadata: StripeMetadata,
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
            ..Session::default()
        }
    }

    /// Sets the reference.
    #[must_use]
    pub fn client_reference_id(mut self, reference: &str) -> Self {
        self.client_reference_id = Some(reference.to_owned());
        self
    }
}
