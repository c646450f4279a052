//! The requests of an inspection.

use crate::auth::{KeySource, key_set_callout};
use crate::clerk::api::BackendApi;
use crate::http::Callout;
use crate::ids::{CustomerId, IdError, ProductId, ScheduleId, SubscriptionId};
use crate::stripe::api::StripeApi;
use crate::upstream::Upstream;

/// A read that the product makes at Stripe, which a restricted key must permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NeededRead {
    Subscriptions,
    SubscriptionItems,
    Customers,
    CheckoutSessions,
    Products,
    Invoices,
    /// Only for the billing endpoints, as the next.
    Prices,
    Schedules,
}

/// An id that Stripe never generated. A request for it changes and shows nothing, but Stripe checks the
/// permission first.
const NO_ID: &str = "tollgate_inspection";

impl NeededRead {
    /// The reads of a sync.
    pub(super) const SYNC: &[NeededRead] = &[
        NeededRead::Subscriptions,
        NeededRead::SubscriptionItems,
        NeededRead::Customers,
        NeededRead::CheckoutSessions,
        NeededRead::Products,
        NeededRead::Invoices,
    ];
    /// The further reads of the billing endpoints.
    pub(super) const BILLING: &[NeededRead] = &[NeededRead::Prices, NeededRead::Schedules];

    /// Returns the name of the objects in the output.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            NeededRead::Subscriptions => "subscriptions",
            NeededRead::SubscriptionItems => "subscription items",
            NeededRead::Customers => "customers",
            NeededRead::CheckoutSessions => "Checkout Sessions",
            NeededRead::Products => "products",
            NeededRead::Invoices => "invoices",
            NeededRead::Prices => "prices",
            NeededRead::Schedules => "subscription schedules",
        }
    }

    /// Returns the product's own request, for an object that does not exist.
    fn callout(self, stripe: StripeApi<'_>) -> Result<Callout, IdError> {
        let subscription = SubscriptionId::parse(&format!("sub_{NO_ID}"))?;
        Ok(match self {
            NeededRead::Subscriptions => stripe.retrieve_subscription(&subscription),
            NeededRead::SubscriptionItems => stripe.list_subscription_items(&subscription, None),
            NeededRead::Customers => stripe.retrieve_customer(&CustomerId::parse(&format!("cus_{NO_ID}"))?),
            NeededRead::CheckoutSessions => stripe.list_checkout_sessions(&subscription),
            NeededRead::Products => stripe.retrieve_product(&ProductId::parse(&format!("prod_{NO_ID}"))?),
            NeededRead::Invoices => stripe.list_open_invoices(&subscription),
            NeededRead::Prices => stripe.retrieve_price(&format!("price_{NO_ID}")),
            NeededRead::Schedules => {
                stripe.retrieve_schedule(&ScheduleId::parse(&format!("sub_sched_{NO_ID}"))?)
            }
        })
    }
}

/// A request of an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InspectionRequest {
    /// A configured price.
    Price(String),
    /// The active price of a configured lookup key.
    LookupKey(String),
    /// A configured product.
    Product(ProductId),
    /// A page of the recurring prices that are sold, after so many pages.
    SoldPrices { after: Option<String>, pages: usize },
    /// A page of the webhook endpoints, after so many pages.
    WebhookEndpoints { after: Option<String>, pages: usize },
    /// The configuration of the portal: this, or the default one.
    Portal(Option<String>),
    /// A read that a restricted key may lack.
    Permission(NeededRead),
    /// The Clerk instance.
    Instance,
    /// Its domains.
    Domains,
    /// The keys of its session tokens, by the Backend API.
    InstanceKeys,
    /// The key set that the gate fetches.
    TokenKeys,
}

impl InspectionRequest {
    /// Returns whether the request is to Stripe.
    pub(super) fn is_of_stripe(&self) -> bool {
        match self {
            InspectionRequest::Price(_)
            | InspectionRequest::LookupKey(_)
            | InspectionRequest::Product(_)
            | InspectionRequest::SoldPrices { .. }
            | InspectionRequest::WebhookEndpoints { .. }
            | InspectionRequest::Portal(_)
            | InspectionRequest::Permission(_) => true,
            InspectionRequest::Instance
            | InspectionRequest::Domains
            | InspectionRequest::InstanceKeys
            | InspectionRequest::TokenKeys => false,
        }
    }

    /// Returns the callout; `None` if there is none for it.
    pub(super) fn callout(
        &self,
        stripe: &Upstream,
        clerk: &Upstream,
        keys: Option<&KeySource>,
    ) -> Option<Callout> {
        let stripe = StripeApi::new(stripe);
        let clerk = BackendApi::new(clerk);
        Some(match self {
            InspectionRequest::Price(id) => stripe.retrieve_price(id),
            InspectionRequest::LookupKey(key) => stripe.list_prices(key),
            InspectionRequest::Product(id) => stripe.retrieve_product(id),
            InspectionRequest::SoldPrices { after, .. } => stripe.list_sold_prices(after.as_deref()),
            InspectionRequest::WebhookEndpoints { after, .. } => {
                stripe.list_webhook_endpoints(after.as_deref())
            }
            InspectionRequest::Portal(Some(id)) => stripe.retrieve_portal_configuration(id),
            InspectionRequest::Portal(None) => stripe.list_default_portal_configuration(),
            InspectionRequest::Permission(read) => return read.callout(stripe).ok(),
            InspectionRequest::Instance => clerk.retrieve_instance(),
            InspectionRequest::Domains => clerk.list_domains(),
            InspectionRequest::InstanceKeys => clerk.retrieve_jwks(),
            InspectionRequest::TokenKeys => match keys {
                Some(KeySource::Jwks { upstream, path }) => key_set_callout(upstream, path),
                Some(KeySource::Pem(_)) | None => return None,
            },
        })
    }
}
