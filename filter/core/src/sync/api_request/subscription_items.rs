//! Requests for the items of a subscription of which Stripe has shown only a part.

use super::{ApiRequest, stripe_response};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::{SubscriptionId, SubscriptionItemId};
use crate::stripe::api::StripeApi;
use crate::stripe::subscription::ItemsPage;
use crate::sync::error::SyncError;

/// How many pages of a subscription's items are read. Stripe's limit is 20 items, so one page holds them all.
const ITEM_PAGES_MAX: usize = 3;

/// Lists a page of a subscription's items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListItems {
    pub(crate) subscription: SubscriptionId,
    after: Option<SubscriptionItemId>,
    /// How many pages came before.
    page: usize,
}

impl ListItems {
    /// Creates the request for the first page.
    pub(crate) fn first(subscription: SubscriptionId) -> Self {
        ListItems { subscription, after: None, page: 0 }
    }

    /// Returns the request for the page after this one, as far as so many pages are read.
    pub(crate) fn next(self, read: &ItemsPage) -> Option<Self> {
        let page = self.page.saturating_add(1);
        let after = read.last.clone().filter(|_| read.has_more && page < ITEM_PAGES_MAX)?;
        Some(ListItems { after: Some(after), page, ..self })
    }
}

impl ApiRequest for ListItems {
    /// `None` if Stripe does not have the subscription any more.
    type Response = Option<ItemsPage>;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).list_subscription_items(&self.subscription, self.after.as_ref())
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<Option<ItemsPage>, SyncError> {
        stripe_response("GET /v1/subscription_items", outcome, ItemsPage::parse)
    }
}
