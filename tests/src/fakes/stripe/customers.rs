//! Creating and changing customers: <https://docs.stripe.com/api/customers>.

use serde_json::Value;

use super::endpoints::Call;
use super::error::StripeError;
use super::expand;
use super::model::{Card, Customer};

/// The parameters of both requests.
const PARAMETERS: [&str; 5] = ["email", "name", "metadata", "metadata[*]", "expand[#]"];
/// The parameters that only Stripe supports, not this fake.
const UNSUPPORTED: [&str; 11] = [
    "address",
    "balance",
    "description",
    "invoice_prefix",
    "invoice_settings",
    "payment_method",
    "phone",
    "preferred_locales",
    "shipping",
    "tax",
    "tax_exempt",
];
/// The maximum length of a name in characters.
const NAME_CHARS_MAX: usize = 256;
/// The maximum length of an e-mail address in characters.
const EMAIL_CHARS_MAX: usize = 512;

impl Call<'_> {
    /// Creates a customer without a card.
    pub(super) fn create_customer(&mut self) -> Result<Value, StripeError> {
        if self.other_mode {
            return Err(StripeError::not_faked("objects of the other mode"));
        }
        let customer = Customer { card: Card::Missing, ..Customer::default() };
        let mut customer = self.with_parameters(customer)?;
        let id = self.account.new_id("cus");
        id.clone_into(&mut customer.id);
        self.account.put(customer);
        self.account.emit("customer.created", &id);
        self.changed_object::<Customer>(&id)
    }

    /// Changes a customer.
    pub(super) fn update_customer(&mut self, id: &str) -> Result<Value, StripeError> {
        let customer = self.find::<Customer>(id, "id")?;
        if customer.deleted {
            return Err(StripeError::missing("customer", id, "id", None));
        }
        let changed = self.with_parameters(customer.clone())?;
        self.account.emit_change("customer.updated", id, |customer| *customer = changed);
        self.changed_object::<Customer>(id)
    }

    fn with_parameters(&self, mut customer: Customer) -> Result<Customer, StripeError> {
        self.parameters.accept(&PARAMETERS, &UNSUPPORTED)?;
        expand::check(&self.parameters.expand(), "customer", false)?;
        // An empty value unsets both.
        if let Some(email) = self.parameters.raw("email") {
            let is_valid = email.contains('@') && email.chars().count() <= EMAIL_CHARS_MAX;
            if !email.is_empty() && !is_valid {
                let error = StripeError::invalid_value("email", format!("Invalid email address: {email}"));
                return Err(error.code("email_invalid"));
            }
            customer.email = Some(email.to_owned()).filter(|email| !email.is_empty());
        }
        if let Some(name) = self.parameters.raw("name") {
            if name.chars().count() > NAME_CHARS_MAX {
                let message = format!("Invalid string: must be at most {NAME_CHARS_MAX} characters");
                return Err(StripeError::invalid_value("name", message));
            }
            customer.name = Some(name.to_owned()).filter(|name| !name.is_empty());
        }
        self.parameters.merge_metadata(&mut customer.metadata)?;
        Ok(customer)
    }
}
