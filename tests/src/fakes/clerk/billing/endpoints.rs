//! The endpoints of Clerk Billing that Tollgate uses:
//! <https://clerk.com/docs/reference/backend-api/tag/Billing>. Filters that Tollgate does not use are
//! refused.

use serde_json::{Value, json};

use super::model::{BillingItem, BillingState, BillingSubscription, BillingSwitch};
use super::objects;
use crate::fakes::clerk::error::ClerkError;
use crate::fakes::server::Request;

/// The page size without `limit`.
const LIMIT_DEFAULT: usize = 10;
/// The largest `limit`.
const LIMIT_MAX: usize = 500;

impl BillingState {
    fn check_enabled(&self) -> Result<(), ClerkError> {
        match self.switch {
            BillingSwitch::On => Ok(()),
            BillingSwitch::Forbidden => Err(ClerkError::billing_off(403)),
            BillingSwitch::Unprocessable => Err(ClerkError::billing_off(422)),
        }
    }
}

/// Handles `GET /v1/users/{id}/billing/subscription`, and the same for organizations.
pub(in crate::fakes::clerk) fn subscription_of(
    state: &BillingState,
    payer: &str,
) -> Result<Value, ClerkError> {
    state.check_enabled()?;
    let found = state.find(payer).ok_or_else(ClerkError::subscription_not_found)?;
    Ok(objects::subscription(found))
}

/// Handles `GET /v1/billing/subscription_items`, with the newest items first.
pub(in crate::fakes::clerk) fn list_items(
    request: &Request,
    state: &BillingState,
) -> Result<Value, ClerkError> {
    state.check_enabled()?;
    let (mut limit, mut offset, mut include_free) = (LIMIT_DEFAULT, 0, false);
    let mut status = None;
    for (name, value) in request.query_pairs() {
        let invalid = || ClerkError::invalid_parameter(&name);
        match name.as_str() {
            "limit" => {
                let number = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                limit = number.ok_or_else(invalid)?;
            }
            "offset" => offset = value.parse().map_err(|_| invalid())?,
            "include_free" => include_free = value.parse().map_err(|_| invalid())?,
            "status"
                if ["active", "ended", "past_due", "upcoming", "free_trial"].contains(&value.as_str()) =>
            {
                status = Some(value.clone());
            }
            "status" => return Err(invalid()),
            _ => return Err(ClerkError::unknown_field(&name)),
        }
    }
    let is_listed = |item: &BillingItem| {
        let is_free = item.plan.as_ref().is_some_and(|plan| plan.amount == 0);
        let has_status = status.as_ref().is_none_or(|status| match status.as_str() {
            "free_trial" => item.is_free_trial,
            status => item.status == status,
        });
        has_status && (include_free || !is_free)
    };
    let items = state
        .subscriptions
        .iter()
        .flat_map(|subscription| subscription.items.iter().map(move |item| (subscription, item)));
    let mut items: Vec<(&BillingSubscription, &BillingItem)> =
        items.filter(|(_, item)| is_listed(item)).collect();
    items.sort_by_key(|(_, item)| std::cmp::Reverse(item.created_at));
    let page: Vec<Value> = items
        .iter()
        .skip(offset)
        .take(limit)
        .map(|(subscription, item)| objects::item(subscription, item))
        .collect();
    Ok(json!({"data": page, "total_count": items.len()}))
}
