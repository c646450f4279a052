//! The lists of Stripe's API, newest first and page by page, each with the filters that it accepts.

use serde_json::{Value, json};

use super::endpoints::{ApiObject, Call};
use super::error::StripeError;
use super::expand;
use super::model::{Customer, Invoice, Item, Session, Subscription};

const PAGE: [&str; 4] = ["limit", "starting_after", "ending_before", "expand[#]"];

impl Call<'_> {
    pub(super) fn subscriptions(&self) -> Result<Value, StripeError> {
        let unsupported = [
            "automatic_tax",
            "collection_method",
            "created",
            "current_period_end",
            "current_period_start",
            "customer_account",
            "plan",
            "test_clock",
        ];
        self.parameters.accept(&[&PAGE[..], &["customer", "status", "price"]].concat(), &unsupported)?;
        let customer = self.customer_filter()?;
        let price = self.parameters.get("price")?;
        let status = self.parameters.get("status")?;
        let one_of = "active, past_due, unpaid, canceled, incomplete, incomplete_expired, trialing, paused, all, ended";
        check_one_of("status", status, one_of)?;
        self.page("/v1/subscriptions", |s: &Subscription| {
            let status_fits = match status {
                None => s.status != "canceled",
                Some("all") => true,
                Some("ended") => matches!(s.status.as_str(), "canceled" | "incomplete_expired"),
                Some(wanted) => s.status == wanted,
            };
            status_fits
                && customer.is_none_or(|id| s.customer == id)
                && price.is_none_or(|id| s.items.iter().any(|item| item.price == id))
        })
    }

    pub(super) fn invoices(&self) -> Result<Value, StripeError> {
        let unsupported = ["collection_method", "created", "customer_account", "due_date"];
        self.parameters
            .accept(&[&PAGE[..], &["customer", "subscription", "status"]].concat(), &unsupported)?;
        let customer = self.customer_filter()?;
        let subscription = self.subscription_filter()?;
        let status = self.parameters.get("status")?;
        check_one_of("status", status, "draft, open, paid, uncollectible, void")?;
        self.page("/v1/invoices", |i: &Invoice| {
            status.is_none_or(|wanted| i.status == wanted)
                && customer.is_none_or(|id| i.customer == id)
                && subscription.is_none_or(|id| i.subscription.as_deref() == Some(id))
        })
    }

    pub(super) fn sessions(&self) -> Result<Value, StripeError> {
        let unsupported =
            ["created", "customer_account", "customer_details", "payment_intent", "payment_link"];
        self.parameters
            .accept(&[&PAGE[..], &["customer", "subscription", "status"]].concat(), &unsupported)?;
        let customer = self.customer_filter()?;
        let subscription = self.subscription_filter()?;
        let status = self.parameters.get("status")?;
        check_one_of("status", status, "open, complete, expired")?;
        self.page("/v1/checkout/sessions", |s: &Session| {
            status.is_none_or(|wanted| s.status == wanted)
                && customer.is_none_or(|id| s.customer.as_deref() == Some(id))
                && subscription.is_none_or(|id| s.subscription.as_deref() == Some(id))
        })
    }

    /// Lists the items of one subscription, which must be named.
    pub(super) fn subscription_items(&self) -> Result<Value, StripeError> {
        self.parameters.accept(&[&PAGE[..], &["subscription"]].concat(), &[])?;
        let id = self.subscription_filter()?.ok_or_else(|| StripeError::missing_parameter("subscription"))?;
        let subscription = self.find::<Subscription>(id, "subscription")?;
        let paths = self.parameters.expand();
        expand::check(&paths, "subscription_item", true)?;
        let all: Vec<&Item> = subscription.items.iter().collect();
        let index = |param| -> Result<Option<usize>, StripeError> {
            let Some(id) = self.parameters.get(param)? else { return Ok(None) };
            let index = all.iter().position(|item| item.id == id);
            index.map(Some).ok_or_else(|| StripeError::missing("subscription_item", id, param, None))
        };
        let cursors = (index("starting_after")?, index("ending_before")?);
        let (shown, has_more) = cut(all, self.parameters.limit()?, cursors, |_| true)?;
        let data = shown.into_iter().map(|item| self.objects().item(item, subscription)).collect();
        Ok(self.list("/v1/subscription_items", data, has_more, &paths))
    }

    fn customer_filter(&self) -> Result<Option<&str>, StripeError> {
        let Some(id) = self.parameters.get("customer")? else { return Ok(None) };
        if self.find::<Customer>(id, "customer")?.deleted && !self.deleted_customers_list {
            return Err(StripeError::missing("customer", id, "customer", None));
        }
        Ok(Some(id))
    }

    fn subscription_filter(&self) -> Result<Option<&str>, StripeError> {
        let Some(id) = self.parameters.get("subscription")? else { return Ok(None) };
        self.find::<Subscription>(id, "subscription").map(|_| Some(id))
    }

    /// Returns one page of a list, newest first.
    pub(super) fn page<T: ApiObject>(
        &self,
        url: &str,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Value, StripeError> {
        let paths = self.parameters.expand();
        expand::check(&paths, T::OBJECT, true)?;
        let all = self.account.newest_first(|_: &T| !self.other_mode);
        let index = |param| -> Result<Option<usize>, StripeError> {
            let Some(id) = self.parameters.get(param)? else { return Ok(None) };
            self.find::<T>(id, param)?;
            Ok(all.iter().position(|object| object.id() == id))
        };
        let cursors = (index("starting_after")?, index("ending_before")?);
        let (shown, has_more) = cut(all, self.parameters.limit()?, cursors, |object| wanted(object))?;
        let data = shown.into_iter().map(|object| object.show(self.objects())).collect();
        Ok(self.list(url, data, has_more, &paths))
    }

    fn list(&self, url: &str, data: Vec<Value>, has_more: bool, paths: &[&str]) -> Value {
        let mut list = json!({"object": "list", "data": data, "has_more": has_more, "url": url});
        expand::apply(paths, &mut list, self.objects());
        list
    }
}

/// Returns one page of `all`, after the first cursor or before the second, and whether there are more.
fn cut<T>(
    all: Vec<T>,
    limit: usize,
    cursors: (Option<usize>, Option<usize>),
    matches: impl Fn(&T) -> bool,
) -> Result<(Vec<T>, bool), StripeError> {
    match cursors {
        (Some(_), Some(_)) => {
            let message = "You cannot parameterize both `starting_after` and `ending_before`.";
            Err(StripeError::invalid_value("ending_before", message.to_owned()))
        }
        (after, None) => {
            let rest = all.into_iter().skip(after.map_or(0, |index| index + 1)).filter(matches);
            let mut shown: Vec<T> = rest.take(limit + 1).collect();
            let has_more = shown.len() > limit;
            shown.truncate(limit);
            Ok((shown, has_more))
        }
        (None, Some(before)) => {
            let mut newer: Vec<T> = all.into_iter().take(before).filter(matches).collect();
            let left_out = newer.len().saturating_sub(limit);
            Ok((newer.split_off(left_out), left_out > 0))
        }
    }
}

fn check_one_of(param: &str, value: Option<&str>, allowed: &str) -> Result<(), StripeError> {
    match value {
        Some(value) if !allowed.split(", ").any(|one| one == value) => {
            Err(StripeError::invalid_value(param, format!("Invalid {param}: must be one of {allowed}")))
        }
        _ => Ok(()),
    }
}
