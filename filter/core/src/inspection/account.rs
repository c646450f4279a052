//! What was read of the accounts at Stripe and Clerk.

use super::read_error::ReadError;
use super::request::NeededRead;
use crate::auth::keys::KeySet;
use crate::clerk::instance::Instance;
use crate::stripe::portal_configuration::PortalConfiguration;
use crate::stripe::price::Price;
use crate::stripe::product::Product;
use crate::stripe::webhook_endpoint::WebhookEndpoint;
use std::collections::BTreeMap;

/// A configured object at Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ConfiguredObject<T> {
    /// It exists.
    Found(T),
    /// Stripe does not have it.
    Missing,
    /// It exists in the other mode.
    OtherMode,
    /// Unknown.
    Failed(ReadError),
}

impl<T> ConfiguredObject<T> {
    /// Returns the object, if it exists.
    pub(super) fn found(&self) -> Option<&T> {
        match self {
            ConfiguredObject::Found(object) => Some(object),
            ConfiguredObject::Missing | ConfiguredObject::OtherMode | ConfiguredObject::Failed(_) => None,
        }
    }
}

/// The objects of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing<T> {
    pub(super) objects: Vec<T>,
    /// Whether there are more than were read.
    pub(super) cut: bool,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Listing { objects: Vec::new(), cut: false }
    }
}

/// What was read of the account at Stripe.
#[derive(Debug)]
pub(super) struct StripeAccount {
    /// The configured prices and those of purchases, by id.
    pub(super) prices: BTreeMap<String, ConfiguredObject<Price>>,
    /// The active price of each configured lookup key.
    pub(super) lookup_keys: BTreeMap<String, ConfiguredObject<Price>>,
    /// The configured products, by id.
    pub(super) products: BTreeMap<String, ConfiguredObject<Product>>,
    /// The recurring prices that are sold.
    pub(super) sold_prices: Result<Listing<Price>, ReadError>,
    pub(super) webhook_endpoints: Result<Listing<WebhookEndpoint>, ReadError>,
    pub(super) portal: ConfiguredObject<PortalConfiguration>,
    /// Whether each read of the product is permitted.
    pub(super) permissions: BTreeMap<NeededRead, Result<(), ReadError>>,
}

impl Default for StripeAccount {
    fn default() -> Self {
        StripeAccount {
            prices: BTreeMap::new(),
            lookup_keys: BTreeMap::new(),
            products: BTreeMap::new(),
            sold_prices: Err(ReadError::NotRead),
            webhook_endpoints: Err(ReadError::NotRead),
            portal: ConfiguredObject::Failed(ReadError::NotRead),
            permissions: BTreeMap::new(),
        }
    }
}

/// What was read of the Clerk instance.
#[derive(Debug)]
pub(super) struct ClerkAccount {
    pub(super) instance: Result<Instance, ReadError>,
    /// The URLs that its session tokens may name as their issuer.
    pub(super) issuers: Result<Vec<String>, ReadError>,
    /// The keys that sign its session tokens.
    pub(super) keys: Result<KeySet, ReadError>,
    /// The key set that the gate fetches.
    pub(super) token_keys: Result<KeySet, ReadError>,
}

impl Default for ClerkAccount {
    fn default() -> Self {
        ClerkAccount {
            instance: Err(ReadError::NotRead),
            issuers: Err(ReadError::NotRead),
            keys: Err(ReadError::NotRead),
            token_keys: Err(ReadError::NotRead),
        }
    }
}
