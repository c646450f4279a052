//! The checks. Each is a function that returns its verdict, the read that failed, or `None` if it does not
//! apply to the document.

mod catalog;
mod clerk_instance;
mod clock;
mod configured;
mod keys;
mod portal;
mod subjects;
mod webhook_endpoint;

use super::Inspection;
use super::check::{CheckName, CheckOutcome, CheckResult};

/// Makes all checks that apply to the document.
pub fn inspect(inspection: &Inspection<'_>) -> Vec<CheckResult> {
    let make = |name: &CheckName| {
        let verdict = check(*name, inspection)?.unwrap_or_else(|error| error.verdict());
        Some(verdict.named(*name))
    };
    CheckName::ALL.iter().filter_map(make).collect()
}

/// Makes one check.
fn check<'a>(name: CheckName, inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    match name {
        CheckName::StripeKey => keys::stripe_key(inspection),
        CheckName::StripePermissions => keys::stripe_permissions(inspection),
        CheckName::ClerkKey => keys::clerk_key(inspection),
        CheckName::KeyModes => keys::key_modes(inspection),
        CheckName::Clock => clock::clock(inspection),
        CheckName::PricesExist => configured::prices_exist(inspection),
        CheckName::PricesMode => configured::prices_mode(inspection),
        CheckName::PricesActive => configured::prices_active(inspection),
        CheckName::PricesRecurring => configured::prices_recurring(inspection),
        CheckName::PurchasePrices => configured::purchase_prices(inspection),
        CheckName::LookupKeysExist => configured::lookup_keys_exist(inspection),
        CheckName::ProductsExist => configured::products_exist(inspection),
        CheckName::SoldPricesMapped => catalog::sold_prices_mapped(inspection),
        CheckName::SoldPricesMappedOnce => catalog::sold_prices_mapped_once(inspection),
        CheckName::PlanNames => catalog::plan_names(inspection),
        CheckName::WebhookEndpoint => webhook_endpoint::exists(inspection),
        CheckName::WebhookEndpointOnce => webhook_endpoint::once(inspection),
        CheckName::WebhookEndpointEnabled => webhook_endpoint::enabled(inspection),
        CheckName::WebhookEventsMissing => webhook_endpoint::events_missing(inspection),
        CheckName::WebhookEventsSuperfluous => webhook_endpoint::events_superfluous(inspection),
        CheckName::WebhookApiVersion => webhook_endpoint::api_version(inspection),
        CheckName::PortalConfiguration => portal::portal_configuration(inspection),
        CheckName::ClerkInstance => clerk_instance::clerk_instance(inspection),
        CheckName::TokenKeys => clerk_instance::token_keys(inspection),
        CheckName::Issuer => clerk_instance::issuer(inspection),
        CheckName::DoubleSubscriptions => subjects::double_subscriptions(inspection),
        CheckName::SubscriptionOwners => subjects::subscription_owners(inspection),
        CheckName::PlansInStep => subjects::plans_in_step(inspection),
    }
}
