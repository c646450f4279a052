//! Requests for the items of a subscription whose response contained only some of them.

use super::{ApiRequest, stripe_response};
use crate::config::SyncSettings;
use crate::http::{Callout, Outcome};
use crate::ids::{SubscriptionId, SubscriptionItemId};
use crate::stripe::api::StripeApi;
use crate::stripe::subscription::ItemsPage;
use crate::sync::error::SyncError;

/// The maximum number of pages of items to read. Stripe's limit is 20 items, so one page holds them all.
const ITEM_PAGES_MAX: usize = 3;

/// A request for a page of a subscription's items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListItems {
    pub(crate) subscription: SubscriptionId,
    after: Option<SubscriptionItemId>,
    /// The number of earlier pages.
    page: usize,
}

impl ListItems {
    /// Creates the request for the first page.
    pub(crate) fn first(subscription: SubscriptionId) -> Self {
        ListItems { subscription, after: None, page: 0 }
    }

    /// Returns the request for the next page, unless this was the last or the maximum is reached.
    pub(crate) fn next(self, read: &ItemsPage) -> Option<Self> {
        let page = self.page.saturating_add(1);
        let after = read.last.clone().filter(|_| read.has_more && page < ITEM_PAGES_MAX)?;
        Some(ListItems { after: Some(after), page, ..self })
    }
}

impl ApiRequest for ListItems {
    /// The page; `None` if Stripe no longer has the subscription.
    type Response = Option<ItemsPage>;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        StripeApi::new(&settings.stripe).list_subscription_items(&self.subscription, self.after.as_ref())
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<Option<ItemsPage>, SyncError> {
        stripe_response("GET /v1/subscription_items", outcome, ItemsPage::parse)
    }
}
