//! The list of all items of all billing subscriptions, in pages
//! (<https://clerk.com/docs/reference/backend-api/tag/Billing>).

use crate::clerk::api::{BackendApi, ClerkApiError, success};
use crate::http::{Callout, Outcome};
use crate::ids::{OrganizationId, Subject, UserId};
use crate::json;
use serde_json::Value;

/// The page size to request: Clerk's maximum.
pub(crate) const PAGE_ITEMS_MAX: usize = 500;

/// One page of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemPage {
    /// The payers of the items, and whether each item is of the free default plan.
    pub payers: Vec<(Subject, bool)>,
    /// The items whose payer is not shown, or does not have the form of Clerk's ids.
    pub(crate) skipped: Vec<String>,
    /// The number of items, including skipped ones.
    pub(crate) items: usize,
}

/// Returns the payer of an item: the organization, otherwise the user. An absent id may also be the empty
/// string.
fn payer(item: &Value) -> Option<Subject> {
    let payer = item.get("payer")?;
    let id = |name: &str| payer.get(name).and_then(Value::as_str).filter(|id| !id.is_empty());
    match id("organization_id") {
        Some(id) => OrganizationId::parse(id).ok().map(Subject::Organization),
        None => UserId::parse(id("user_id")?).ok().map(Subject::User),
    }
}

impl BackendApi<'_> {
    /// Returns the request for the page after `offset` items, which are in any status. The newest come first,
    /// so that an item that is added meanwhile only repeats one. Without `include_free`, plans without a
    /// price would be missing, such as complimentary ones.
    pub fn list_billing_items(&self, offset: usize) -> Callout {
        let base_path = &self.upstream.base_path;
        let query = format!("include_free=true&limit={PAGE_ITEMS_MAX}&offset={offset}");
        let path = format!("{base_path}/billing/subscription_items?{query}");
        self.callout("GET", path, Vec::new())
    }
}

impl ItemPage {
    /// Reads the response to [`BackendApi::list_billing_items`].
    ///
    /// # Errors
    /// [`ClerkApiError`] if the request failed or the body is not a page.
    pub fn read(outcome: &Outcome<'_>) -> Result<Self, ClerkApiError> {
        let page: Value = json::read(success(outcome)?).map_err(|_| ClerkApiError::Unreadable)?;
        let items = page.get("data").and_then(Value::as_array);
        let items = items.filter(|items| items.len() <= PAGE_ITEMS_MAX).ok_or(ClerkApiError::Unreadable)?;
        let mut read = ItemPage { items: items.len(), ..ItemPage::default() };
        for item in items {
            let id = item.get("id").and_then(Value::as_str).ok_or(ClerkApiError::Unreadable)?;
            let is_default = item.pointer("/plan/is_default") == Some(&Value::Bool(true));
            match payer(item) {
                Some(payer) => read.payers.push((payer, is_default)),
                None => read.skipped.push(id.to_owned()),
            }
        }
        Ok(read)
    }

    /// Returns whether another page may follow.
    pub(crate) fn is_full(&self) -> bool {
        self.items >= PAGE_ITEMS_MAX
    }
}
