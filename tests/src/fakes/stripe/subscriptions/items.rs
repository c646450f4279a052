//! The items of a subscription after a change. An entry with an id changes or deletes an item; one without
//! adds an item, as Stripe does.

use super::super::endpoints::Call;
use super::super::error::StripeError;
use super::super::model::{Item, Price, Subscription};

/// The largest quantity.
const QUANTITY_MAX: i64 = 999_999;

impl Call<'_> {
    /// Reads the entries below `array` and returns all items after them. A new item has an empty id, and an
    /// item has the period of before.
    pub(in super::super) fn changed_items(
        &self,
        array: &str,
        of: &Subscription,
    ) -> Result<Vec<Item>, StripeError> {
        let mut items = of.items.clone();
        for element in self.parameters.elements(array) {
            let name = |field: &str| format!("{element}[{field}]");
            let price = self.item_price(&name("price"), of)?;
            let quantity = self.parameters.integer(&name("quantity"), 0..=QUANTITY_MAX)?;
            let quantity = quantity.map(|quantity| u32::try_from(quantity).expect("the limit fits"));
            let is_deleted = self.parameters.flag(&name("deleted"))?.unwrap_or(false);
            let Some(id) = self.parameters.get(&name("id"))? else {
                let price = price.ok_or_else(|| StripeError::missing_parameter(&name("price")))?;
                let (id, quantity) = (String::new(), quantity.unwrap_or(1));
                items.push(Item { id, price, quantity, ..Item::default() });
                continue;
            };
            let Some(index) = items.iter().position(|item| item.id == id) else {
                return Err(StripeError::missing("subscription_item", id, &name("id"), None));
            };
            if is_deleted {
                items.remove(index);
                continue;
            }
            let item = &mut items[index];
            item.price = price.unwrap_or(item.price.clone());
            item.quantity = quantity.unwrap_or(item.quantity);
        }
        let refuse = |message: &str| Err(StripeError::invalid_value(array, message.to_owned()));
        let mut prices: Vec<&str> = items.iter().map(|item| item.price.as_str()).collect();
        prices.sort_unstable();
        if let Some(twice) = prices.windows(2).find(|pair| pair[0] == pair[1]) {
            let price = twice[0];
            return refuse(&format!("Cannot add multiple subscription items with the same price: {price}"));
        }
        match items.len() {
            0 => refuse("A subscription must have at least one active plan."),
            21.. => refuse("A subscription can have up to 20 items."),
            _ => Ok(items),
        }
    }

    fn item_price(&self, name: &str, of: &Subscription) -> Result<Option<String>, StripeError> {
        let Some(id) = self.parameters.get(name)? else { return Ok(None) };
        let price = self.find::<Price>(id, name)?;
        let refuse = |message: &str| Err(StripeError::invalid_value(name, message.to_owned()));
        let is_present = of.items.iter().any(|item| item.price == id);
        if !price.active && !is_present {
            return refuse("The price specified is inactive. This field only accepts active prices.");
        }
        if price.recurring.is_none() {
            return refuse(&format!(
                "The price specified is set to `type=one_time` but this field only accepts prices with \
                 `type=recurring`: {id}"
            ));
        }
        let present = of.items.first().and_then(|item| self.account.find::<Price>(&item.price));
        if present.is_some_and(|present| present.currency != price.currency) {
            return refuse("All prices of a subscription must have the same currency.");
        }
        Ok(Some(id.to_owned()))
    }
}
