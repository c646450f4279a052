//! The list of prices: <https://docs.stripe.com/api/prices/list>.

use serde_json::Value;

use super::endpoints::Call;
use super::error::StripeError;
use super::model::{Price, Product};

/// The maximum number of lookup keys in a request.
const LOOKUP_KEYS_MAX: usize = 10;

impl Call<'_> {
    pub(super) fn prices(&self) -> Result<Value, StripeError> {
        let known = [
            "active",
            "currency",
            "ending_before",
            "expand[#]",
            "limit",
            "lookup_keys[#]",
            "product",
            "recurring[interval]",
            "starting_after",
            "type",
        ];
        let parameters = &self.parameters;
        parameters.accept(&known, &["created", "recurring[meter]", "recurring[usage_type]"])?;
        let keys = parameters.values("lookup_keys");
        if keys.len() > LOOKUP_KEYS_MAX {
            let message = format!("You may only specify up to {LOOKUP_KEYS_MAX} lookup_keys.");
            return Err(StripeError::invalid_value("lookup_keys", message));
        }
        let active = parameters.flag("active")?;
        let currency = parameters.get("currency")?;
        let interval = parameters.one_of("recurring[interval]", &["day", "week", "month", "year"])?;
        let kind = parameters.one_of("type", &["one_time", "recurring"])?;
        let product = parameters.get("product")?;
        if let Some(product) = product {
            self.find::<Product>(product, "product")?;
        }
        self.page("/v1/prices", |price: &Price| {
            let is_found = price.lookup_key.as_deref().is_some_and(|key| keys.contains(&key));
            let own_interval = price.recurring.as_ref().map(|recurrence| recurrence.interval.as_str());
            (keys.is_empty() || is_found)
                && active.is_none_or(|wanted| price.active == wanted)
                && currency.is_none_or(|wanted| price.currency == wanted)
                && interval.is_none_or(|wanted| own_interval == Some(wanted))
                && kind.is_none_or(|wanted| (wanted == "recurring") == price.recurring.is_some())
                && product.is_none_or(|wanted| price.product == wanted)
        })
    }
}
