//! A billing subscription as `GET /v1/users/{id}/billing/subscription` shows it
//! (<https://clerk.com/docs/reference/backend-api/tag/Users#operation/GetUserBillingSubscription>).
//!
//! Unknown members are ignored, and an unknown status is kept as such. A member of the wrong type makes the
//! whole subscription unreadable: no plan may end because a part of it was not understood.

use crate::ids::BillingItemId;
use crate::json;
use crate::time::Micros;
use serde_json::Value;

/// The maximum number of items of one subscription. Ended items stay in it.
const ITEMS_MAX: usize = 500;

/// A response that is not a billing subscription, or an item that is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response does not match Clerk's API reference")]
pub struct UnreadableSubscription;

/// The billing subscription of a user or an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClerkSubscription {
    /// Its items, of any status, in Clerk's order.
    pub items: Vec<ClerkItem>,
    /// The time since which a payment is due, for items that do not show it themselves.
    pub(crate) past_due_at: Option<Micros>,
}

/// An item of a billing subscription: one plan, for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClerkItem {
    /// The id.
    pub id: BillingItemId,
    /// The status.
    pub status: ClerkItemStatus,
    /// The plan's slug; `None` if the item shows no plan.
    pub slug: Option<String>,
    /// Whether the plan is the one that every subject has without paying.
    pub is_default: bool,
    /// The end of the paid period; `None` for a plan without periods.
    pub period_end: Option<Micros>,
    /// The time since which a payment is due.
    pub(crate) past_due_at: Option<Micros>,
}

/// The status of an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClerkItemStatus {
    /// Paid, free, or in a trial.
    Active,
    /// A payment failed.
    PastDue,
    /// It ends with its period.
    Canceled,
    /// A status that this release does not know.
    Unknown(String),
    /// The first payment is not complete.
    Incomplete,
    /// It has ended.
    Ended,
    /// It has expired.
    Expired,
    /// It begins later.
    Upcoming,
    /// It was given up before it began.
    Abandoned,
}

/// The words of the known statuses.
const STATUSES: [(ClerkItemStatus, &str); 8] = [
    (ClerkItemStatus::Active, "active"),
    (ClerkItemStatus::PastDue, "past_due"),
    (ClerkItemStatus::Canceled, "canceled"),
    (ClerkItemStatus::Incomplete, "incomplete"),
    (ClerkItemStatus::Ended, "ended"),
    (ClerkItemStatus::Expired, "expired"),
    (ClerkItemStatus::Upcoming, "upcoming"),
    (ClerkItemStatus::Abandoned, "abandoned"),
];

impl ClerkItemStatus {
    fn parse(word: &str) -> Self {
        let known = STATUSES.into_iter().find(|(_, known)| *known == word);
        known.map_or_else(|| ClerkItemStatus::Unknown(word.to_owned()), |(status, _)| status)
    }

    /// Returns Clerk's word for the status.
    pub fn as_str(&self) -> &str {
        match self {
            ClerkItemStatus::Unknown(word) => word,
            known => STATUSES.iter().find(|(status, _)| status == known).map_or("", |(_, word)| word),
        }
    }
}

impl ClerkSubscription {
    /// Reads the body of a response.
    ///
    /// # Errors
    /// [`UnreadableSubscription`] if it is not a billing subscription.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableSubscription> {
        let subscription: Value = json::read(body).map_err(|_| UnreadableSubscription)?;
        let items = subscription.get("subscription_items").and_then(Value::as_array);
        let items = items.filter(|items| items.len() <= ITEMS_MAX).ok_or(UnreadableSubscription)?;
        if text(&subscription, "object")? != Some("commerce_subscription") {
            return Err(UnreadableSubscription);
        }
        Ok(ClerkSubscription {
            items: items.iter().map(ClerkItem::read).collect::<Result<_, _>>()?,
            past_due_at: time(&subscription, "past_due_at")?,
        })
    }
}

impl ClerkItem {
    fn read(item: &Value) -> Result<Self, UnreadableSubscription> {
        let id = text(item, "id")?.ok_or(UnreadableSubscription)?;
        let status = text(item, "status")?.ok_or(UnreadableSubscription)?;
        let plan = item.get("plan").filter(|plan| !plan.is_null());
        let slug = plan.map(|plan| text(plan, "slug")?.ok_or(UnreadableSubscription)).transpose()?;
        let is_default = plan.and_then(|plan| plan.get("is_default"));
        let is_default = is_default.map_or(Ok(false), |flag| flag.as_bool().ok_or(UnreadableSubscription))?;
        Ok(ClerkItem {
            id: BillingItemId::parse(id).map_err(|_| UnreadableSubscription)?,
            status: ClerkItemStatus::parse(status),
            slug: slug.map(str::to_owned),
            is_default,
            period_end: time(item, "period_end")?,
            past_due_at: time(item, "past_due_at")?,
        })
    }
}

/// Returns a text; `None` if it is absent or null.
fn text<'a>(object: &'a Value, name: &str) -> Result<Option<&'a str>, UnreadableSubscription> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(UnreadableSubscription),
    }
}

/// Returns a time, which Clerk writes in milliseconds since the Unix epoch; `None` if it is absent or null,
/// and for 0, which some of Clerk's events have instead.
fn time(object: &Value, name: &str) -> Result<Option<Micros>, UnreadableSubscription> {
    let milliseconds = match object.get(name) {
        None | Some(Value::Null) => 0,
        Some(value) => value.as_u64().ok_or(UnreadableSubscription)?,
    };
    Ok((milliseconds > 0).then(|| Micros::from_micros(milliseconds.saturating_mul(1_000))))
}
