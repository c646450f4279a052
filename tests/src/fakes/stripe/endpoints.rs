//! The code that all endpoints share: the input of a call, the kinds of objects, and reading or changing one
//! object.

use serde_json::Value;

use super::account::{Account, StripeObject};
use super::error::StripeError;
use super::expand;
use super::model::{
    Customer, Invoice, PaymentIntent, PortalSession, Price, Product, Session, Subscription,
    SubscriptionSchedule, WebhookEndpoint,
};
use super::objects::Objects;
use super::parameters::Parameters;

/// The input of an endpoint.
pub struct Call<'a> {
    /// The account's objects.
    pub account: &'a mut Account,
    /// The mode of the account.
    pub livemode: bool,
    /// Whether the key belongs to the other mode (test or live). Objects of this mode are then not visible.
    pub other_mode: bool,
    /// Whether the list of a deleted customer's objects is empty or an error: Stripe does not document it.
    pub deleted_customers_list: bool,
    /// The parameters of the query and the form.
    pub parameters: Parameters,
}

/// A kind of object with its names in the API.
pub(super) trait ApiObject: StripeObject {
    /// The name in error messages such as `No such customer`.
    const NOUN: &'static str;
    /// The value of its `object`.
    const OBJECT: &'static str;
    fn show(&self, objects: Objects<'_>) -> Value;
    fn is_deleted(&self) -> bool {
        false
    }
}

macro_rules! api_object {
    ($kind:ident, $noun:literal, $object:literal, $show:ident) => {
        impl ApiObject for $kind {
            const NOUN: &'static str = $noun;
            const OBJECT: &'static str = $object;
            fn show(&self, objects: Objects<'_>) -> Value {
                objects.$show(self)
            }
        }
    };
}
api_object!(Product, "product", "product", product);
api_object!(Price, "price", "price", price);
api_object!(Subscription, "subscription", "subscription", subscription);
api_object!(Session, "checkout.session", "checkout.session", session);
api_object!(Invoice, "invoice", "invoice", invoice);
api_object!(SubscriptionSchedule, "subscription_schedule", "subscription_schedule", schedule);
api_object!(PortalSession, "billing_portal.session", "billing_portal.session", portal_session);
api_object!(WebhookEndpoint, "webhook endpoint", "webhook_endpoint", webhook_endpoint);
api_object!(PaymentIntent, "payment_intent", "payment_intent", payment_intent);

impl ApiObject for Customer {
    const NOUN: &'static str = "customer";
    const OBJECT: &'static str = "customer";
    fn show(&self, objects: Objects<'_>) -> Value {
        objects.customer(self)
    }
    fn is_deleted(&self) -> bool {
        self.deleted
    }
}

impl Call<'_> {
    pub(super) fn objects(&self) -> Objects<'_> {
        Objects { account: self.account, livemode: self.livemode }
    }

    pub(super) fn find<T: ApiObject>(&self, id: &str, param: &str) -> Result<&T, StripeError> {
        match self.account.find::<T>(id) {
            Some(object) if !self.other_mode => Ok(object),
            Some(_) => Err(StripeError::missing(T::NOUN, id, param, Some(!self.livemode))),
            None => {
                let other_mode = self.account.is_in_other_mode(id).then_some(self.livemode);
                Err(StripeError::missing(T::NOUN, id, param, other_mode))
            }
        }
    }

    pub(super) fn retrieve<T: ApiObject>(&self, id: &str) -> Result<Value, StripeError> {
        self.parameters.accept(&["expand[#]"], &[])?;
        let paths = self.parameters.expand();
        expand::check(&paths, T::OBJECT, false)?;
        let mut shown = self.find::<T>(id, "id")?.show(self.objects());
        expand::apply(&paths, &mut shown, self.objects());
        Ok(shown)
    }

    /// Returns an object after a change, as the response to the request.
    pub(super) fn changed_object<T: ApiObject>(&self, id: &str) -> Result<Value, StripeError> {
        let mut shown = self.find::<T>(id, "id")?.show(self.objects());
        expand::apply(&self.parameters.expand(), &mut shown, self.objects());
        Ok(shown)
    }
}
