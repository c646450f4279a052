//! Checkout Sessions: <https://docs.stripe.com/api/checkout/sessions>.

mod create;
mod parameters;
mod pay;

use serde_json::Value;

use super::endpoints::Call;
use super::error::StripeError;
use super::expand;
use super::model::Session;
pub(super) use parameters::LOCALES;
pub use pay::PaymentPageError;

impl Call<'_> {
    /// Expires an open session.
    pub(super) fn expire_session(&mut self, id: &str) -> Result<Value, StripeError> {
        self.parameters.accept(&["expand[#]"], &[])?;
        expand::check(&self.parameters.expand(), "checkout.session", false)?;
        let session = self.find::<Session>(id, "id")?;
        if session.status != "open" {
            return Err(StripeError::not_allowed(format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a \
                 status of `{}`.",
                session.status
            )));
        }
        self.account.expire(id);
        self.changed_object::<Session>(id)
    }
}
