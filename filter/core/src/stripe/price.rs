//! Prices: the members that identify the plan that a price sells, and its terms.

use super::object::{Expandable, Metadata, UnreadableError};
use super::product::Product;
use super::wire::{self, Object};

/// A price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The id. Usually `price_…`; old prices have ids such as `plan_…`, or ids that the merchant chose.
    pub(crate) id: String,
    /// The lookup key, a name that can be transferred to another price.
    pub(crate) lookup_key: Option<String>,
    /// The price's metadata.
    pub(crate) metadata: Metadata,
    /// The product; `None` if it cannot be parsed.
    pub product: Option<Expandable<Product>>,
    /// Whether the lookup key, the metadata, or the product cannot be parsed.
    pub(crate) unreadable: bool,
    /// The amount, and how often it is charged.
    pub(crate) terms: PriceTerms,
}

/// The amount of a price, and how often it is charged. No plan depends on it, so a member that cannot be
/// parsed is read as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PriceTerms {
    /// Whether the price can be sold; false if it was archived.
    pub(crate) active: bool,
    /// The interval at which the subscription renews; `None` for a one-time price.
    pub(crate) recurring: Option<Recurring>,
    /// The amount for one unit, in the currency's smallest unit; `None` for tiered and fractional prices.
    pub(crate) unit_amount: Option<u64>,
    /// The three-letter currency code, in lower case.
    pub(crate) currency: String,
}

/// The interval at which a price renews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recurring {
    /// `day`, `week`, `month` or `year`.
    pub(crate) interval: String,
    /// The number of intervals between renewals.
    pub(crate) interval_count: u64,
    /// Whether usage is charged (`usage_type: metered`), so that the price has no quantity.
    pub(crate) is_metered: bool,
}

impl PriceTerms {
    fn read(object: Object<'_>) -> Self {
        let recurring = object.object("recurring").ok().flatten().and_then(|recurring| {
            let interval = recurring.optional_text("interval")?.to_owned();
            let interval_count = recurring.optional_number("interval_count").unwrap_or(1);
            let is_metered = recurring.optional_text("usage_type") == Some("metered");
            Some(Recurring { interval, interval_count, is_metered })
        });
        PriceTerms {
            active: object.is_set("active").unwrap_or_default(),
            recurring,
            unit_amount: object.optional_number("unit_amount"),
            currency: object.optional_text("currency").unwrap_or_default().to_owned(),
        }
    }
}

impl Price {
    /// Parses a price.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a price.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        Self::read(Object::from_value(&wire::value(body)?)?)
    }

    /// Parses a page of prices.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a list of prices.
    pub(crate) fn parse_list(body: &[u8]) -> Result<Vec<Self>, UnreadableError> {
        wire::parse_page(body, Self::read)
    }

    /// Parses a page of prices. Also returns whether there are more.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a list of prices.
    pub(crate) fn parse_page(body: &[u8]) -> Result<(Vec<Self>, bool), UnreadableError> {
        let has_more = Object::from_value(&wire::value(body)?)?.is_set("has_more")?;
        Ok((Self::parse_list(body)?, has_more))
    }

    pub(super) fn read(object: Object<'_>) -> Result<Self, UnreadableError> {
        let id = object.needed_text("id")?.to_owned();
        let (lookup_key, metadata) = (object.owned_text("lookup_key"), object.metadata());
        let product = Self::read_product(object);
        let unreadable = lookup_key.is_err() || metadata.is_err() || product.is_err();
        Ok(Price {
            id,
            lookup_key: lookup_key.unwrap_or_default(),
            metadata: metadata.unwrap_or_default(),
            product: product.ok(),
            unreadable,
            terms: PriceTerms::read(object),
        })
    }

    fn read_product(object: Object<'_>) -> Result<Expandable<Product>, UnreadableError> {
        match object.expanded("product")? {
            Some(product) => Ok(Expandable::Object(Product::read(product)?)),
            None => Ok(Expandable::Id(object.needed_text("product")?.to_owned())),
        }
    }

    /// Returns the product's id, if it can be parsed.
    pub(crate) fn product_id(&self) -> Option<&str> {
        match &self.product {
            Some(Expandable::Id(id) | Expandable::Object(Product { id, .. })) => Some(id),
            None => None,
        }
    }
}
