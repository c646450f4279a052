//! The state of Clerk Billing. Times are in Unix milliseconds.

use super::events::ClerkEvent;

/// The length of a month of a plan.
pub(super) const MONTH_MS: i64 = 30 * 86_400 * 1_000;

/// Whether the instance has Billing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BillingSwitch {
    /// It is switched on.
    #[default]
    On,
    /// It is switched off, and requests are answered with 403.
    Forbidden,
    /// It is switched off, and requests are answered with 422.
    Unprocessable,
}

/// A plan.
#[derive(Clone, Debug, PartialEq)]
pub struct BillingPlan {
    /// The slug, which the dashboard can change.
    pub slug: String,
    /// Whether every payer has it who has no other.
    pub is_default: bool,
    /// Whether it is for organizations instead of users.
    pub for_organizations: bool,
    /// The price of a month, in cents.
    pub amount: i64,
}

impl BillingPlan {
    /// Returns a plan for users, for 20 dollars a month.
    pub fn new(slug: &str) -> Self {
        BillingPlan { slug: slug.to_owned(), is_default: false, for_organizations: false, amount: 2_000 }
    }

    /// Makes it a plan for organizations.
    #[must_use]
    pub fn for_organizations(self) -> Self {
        BillingPlan { for_organizations: true, ..self }
    }

    /// Sets the price of a month, in cents.
    #[must_use]
    pub fn amount(self, amount: i64) -> Self {
        BillingPlan { amount, ..self }
    }

    /// Makes it the free default plan.
    #[must_use]
    pub fn default_plan(self) -> Self {
        BillingPlan { is_default: true, amount: 0, ..self }
    }

    pub(super) fn id(&self) -> String {
        format!("cplan_{}", self.slug)
    }
}

/// An item of a billing subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct BillingItem {
    /// `csub_item_…`
    pub id: String,
    /// The status.
    pub status: String,
    /// The plan; `None` if Clerk does not show it any more.
    pub plan: Option<BillingPlan>,
    /// Whether it is in its free trial.
    pub is_free_trial: bool,
    /// The begin of the period.
    pub period_start: i64,
    /// The end of the period; `None` for the default plan.
    pub period_end: Option<i64>,
    /// When it was canceled.
    pub canceled_at: Option<i64>,
    /// Since when a payment is due.
    pub past_due_at: Option<i64>,
    /// The time at which it ended.
    pub ended_at: Option<i64>,
    /// When it was created.
    pub created_at: i64,
}

impl BillingItem {
    pub(super) fn is_default(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.is_default)
    }

    /// Returns whether it is the item that the payer pays for now.
    pub(super) fn is_current(&self) -> bool {
        !self.is_default() && matches!(self.status.as_str(), "active" | "past_due" | "canceled")
    }
}

/// The billing subscription of a user or an organization.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BillingSubscription {
    pub(super) id: String,
    /// The user or organization.
    pub(super) payer: String,
    pub(super) created_at: i64,
    pub(super) past_due_at: Option<i64>,
    pub(super) items: Vec<BillingItem>,
}

impl BillingSubscription {
    /// Returns the status, which follows from the items.
    pub(super) fn status(&self) -> &'static str {
        let has = |status: &str| self.items.iter().any(|item| item.status == status);
        match () {
            () if has("past_due") => "past_due",
            () if has("active") || has("canceled") => "active",
            () => "ended",
        }
    }

    pub(super) fn is_of_organization(&self) -> bool {
        self.payer.starts_with("org_")
    }
}

/// Everything that Clerk Billing has.
#[derive(Debug, Default)]
pub(in crate::fakes::clerk) struct BillingState {
    pub(super) switch: BillingSwitch,
    pub(super) plans: Vec<BillingPlan>,
    pub(super) subscriptions: Vec<BillingSubscription>,
    pub(super) events: Vec<ClerkEvent>,
    /// The time; `None` for the clock's.
    pub(super) now_ms: Option<i64>,
    pub(super) created: u64,
}

impl BillingState {
    pub(super) fn find(&self, payer: &str) -> Option<&BillingSubscription> {
        self.subscriptions.iter().find(|subscription| subscription.payer == payer)
    }

    /// Removes the subscription of a payer who is deleted.
    pub(in crate::fakes::clerk) fn forget(&mut self, payer: &str) {
        self.subscriptions.retain(|subscription| subscription.payer != payer);
    }
}
