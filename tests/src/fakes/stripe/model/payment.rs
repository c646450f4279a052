//! Cards, and payments by card.

use super::StripeMetadata;

/// The result of charging a customer's card: <https://docs.stripe.com/testing>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Card {
    /// The charge succeeds.
    #[default]
    Works,
    /// The bank declines the charge.
    Declines,
    /// The bank declines the charge because the balance is too low.
    InsufficientFunds,
    /// The bank requires that the customer authenticates the payment: only one that is present can.
    NeedsAuthentication,
    /// The customer has no card.
    Missing,
}

/// The reason why a charge failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeFailure {
    /// The bank declined it: the `decline_code` and the message of the error.
    Declined(&'static str, &'static str),
    /// The customer has to authenticate the payment.
    AuthenticationRequired,
    /// There is nothing to charge.
    NoCard,
}

impl Card {
    /// Charges it while the customer is absent.
    ///
    /// # Errors
    /// [`ChargeFailure`], by the behavior of the card.
    pub fn charge(self) -> Result<(), ChargeFailure> {
        match self {
            Card::Works => Ok(()),
            Card::Declines => Err(ChargeFailure::Declined("generic_decline", "Your card was declined.")),
            Card::InsufficientFunds => {
                Err(ChargeFailure::Declined("insufficient_funds", "Your card has insufficient funds."))
            }
            Card::NeedsAuthentication => Err(ChargeFailure::AuthenticationRequired),
            Card::Missing => Err(ChargeFailure::NoCard),
        }
    }

    /// Charges it while the customer is present and authenticates the payment.
    ///
    /// # Errors
    /// [`ChargeFailure`], by the behavior of the card.
    pub fn charge_on_session(self) -> Result<(), ChargeFailure> {
        match self {
            Card::NeedsAuthentication => Ok(()),
            card => card.charge(),
        }
    }
}

/// A payment by card.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentIntent {
    /// `pi_…`
    pub id: String,
    /// Unix seconds. If it is 0, it becomes the time at which the object is added.
    pub created: i64,
    /// The customer's id.
    pub customer: Option<String>,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// The currency's code in lower case.
    pub currency: String,
    /// The reason why the latest attempt failed; `None` if it succeeded.
    pub failure: Option<ChargeFailure>,
    /// Whether it was canceled.
    pub canceled: bool,
    /// Its metadata.
    pub metadata: StripeMetadata,
}

impl PaymentIntent {
    /// Returns its status.
    pub fn status(&self) -> &'static str {
        match self.failure {
            _ if self.canceled => "canceled",
            None => "succeeded",
            Some(ChargeFailure::AuthenticationRequired) => "requires_action",
            Some(_) => "requires_payment_method",
        }
    }
}
