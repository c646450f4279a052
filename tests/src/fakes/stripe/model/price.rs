//! Prices.

use super::StripeMetadata;

/// The interval at which a recurring price is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    /// `day`, `week`, `month`, or `year`.
    pub interval: String,
    /// The number of intervals between two payments.
    pub interval_count: i64,
}

/// A price of a product.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// `price_…`
    pub id: String,
    /// Unix seconds. If it is 0, it becomes the time at which the object is added.
    pub created: i64,
    /// The product's id.
    pub product: String,
    /// The lookup key.
    pub lookup_key: Option<String>,
    /// Its metadata.
    pub metadata: StripeMetadata,
    /// In the smallest unit of the currency.
    pub unit_amount: i64,
    /// The currency's code in lower case.
    pub currency: String,
    /// Whether it can be used for new purchases.
    pub active: bool,
    /// The interval at which it is paid; `None` for a price of type `one_time`.
    pub recurring: Option<Recurrence>,
}

impl Price {
    /// Returns an active monthly price of 20 US dollars. Its product is named after it: `prod_…`.
    pub fn new(id: &str) -> Self {
        Price {
            id: id.to_owned(),
            created: 0,
            product: format!("prod_{}", id.trim_start_matches("price_")),
            lookup_key: None,
            metadata: StripeMetadata::new(),
            unit_amount: 2000,
            currency: "usd".to_owned(),
            active: true,
            recurring: Some(Recurrence { interval: "month".to_owned(), interval_count: 1 }),
        }
    }

    /// Sets the product.
    #[must_use]
    pub fn product(mut self, id: &str) -> Self {
        id.clone_into(&mut self.product);
        self
    }

    /// Sets the lookup key.
    #[must_use]
    pub fn lookup_key(mut self, key: &str) -> Self {
        self.lookup_key = Some(key.to_owned());
        self
    }

    /// Sets the amount, in the smallest unit of the currency.
    #[must_use]
    pub fn amount(mut self, amount: i64) -> Self {
        self.unit_amount = amount;
        self
    }

    /// Sets the currency, in lower case.
    #[must_use]
    pub fn currency(mut self, code: &str) -> Self {
        code.clone_into(&mut self.currency);
        self
    }

    /// Makes it recur every `count` intervals.
    #[must_use]
    pub fn every(mut self, count: i64, interval: &str) -> Self {
        self.recurring = Some(Recurrence { interval: interval.to_owned(), interval_count: count });
        self
    }

    /// Makes it a price of type `one_time`.
    #[must_use]
    pub fn one_time(mut self) -> Self {
        self.recurring = None;
        self
    }

    /// Archives it: it can no longer be used for new purchases.
    #[must_use]
    pub fn archived(mut self) -> Self {
        self.active = false;
        self
    }
}
