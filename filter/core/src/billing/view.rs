//! A subject's subscription as its frontend sees it: the response to `GET subscription` and to every action.

use super::context::BillingContext;
use super::customer::has_customer;
use super::error::BillingError;
use super::owned::{ActionConditions, blocking_subscription, current, last_ended, own_customers};
use super::pending::{ManagedBy, cancels_at_s, pending, plan_item};
use super::prices::PriceList;
use super::response::{EndpointResponse, rfc3339};
use crate::clerk::billing::{ClerkItemStatus, ItemDetails};
use crate::clerk::plan_source::PlanSource;
use crate::plan_table::Rank;
use crate::stripe::subscription::SubscriptionStatus;
use crate::sync::{OwnedSubscription, SubjectAccount};
use crate::time::Micros;
use serde::Serialize;
use std::rc::Rc;

/// The `source` of a plan that Clerk Billing sells.
const CLERK_BILLING: &str = "clerk_billing";

/// A subject's subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct SubscriptionView {
    plan: String,
    status: String,
    /// The seller of the plan, if it is not Stripe.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(flatten)]
    details: Option<Details>,
    pub(super) actions: Vec<&'static str>,
}

/// The details of a live subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Details {
    interval: Option<String>,
    quantity: Option<u64>,
    current_period_end: Option<String>,
    cancel_at_period_end: bool,
    trial_end: Option<String>,
    grace_until: Option<String>,
    pending: Option<Pending>,
}

/// The change that is scheduled for the end of the period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Pending {
    plan: Option<String>,
    at: String,
}

impl SubscriptionView {
    /// Creates the view of an account, and reads the subscription's schedule, if it has one.
    ///
    /// # Errors
    /// The error of a read that failed.
    pub(super) async fn read(cx: &BillingContext, account: &SubjectAccount) -> Result<Self, BillingError> {
        if let Some(view) = Self::of_clerk_billing(cx, account) {
            return Ok(view);
        }
        let managed_by = match current(account) {
            Some(owned) => ManagedBy::read(cx, &owned.subscription).await?,
            None => ManagedBy::Nothing,
        };
        // The prices are needed only to find the plan of a schedule's phase.
        let prices = match managed_by {
            ManagedBy::Nothing => Rc::default(),
            ManagedBy::Tollgate(_) | ManagedBy::Other(_) => cx.prices().await?,
        };
        let mut view = Self::new(cx, account, &managed_by, &prices);
        if current(account).is_none() && !has_customer(cx, account).await? {
            view.actions.retain(|action| *action != "portal");
        }
        Ok(view)
    }

    /// Creates the view of an account without reading the subscription's schedule.
    pub(super) fn without_schedule(cx: &BillingContext, account: &SubjectAccount) -> Self {
        Self::new(cx, account, &ManagedBy::Nothing, &PriceList::default())
    }

    /// Creates the view of a plan that Clerk Billing sells, where no subscription at Stripe can be changed.
    /// The endpoints change nothing at Clerk Billing, so there are no actions.
    pub(super) fn of_clerk_billing(cx: &BillingContext, account: &SubjectAccount) -> Option<Self> {
        let sold = account.clerk_item.as_ref().filter(|_| current(account).is_none())?;
        let ItemDetails { status, period_end, grace_until, .. } = &sold.item;
        let time = |time: &Micros| rfc3339(time.as_secs());
        let details = Details {
            interval: None,
            quantity: None,
            current_period_end: period_end.as_ref().map(time),
            cancel_at_period_end: *status == ClerkItemStatus::Canceled,
            trial_end: None,
            grace_until: grace_until.as_ref().map(time),
            pending: None,
        };
        Some(SubscriptionView {
            plan: plan(cx, account),
            status: status.as_str().to_owned(),
            source: Some(CLERK_BILLING),
            details: Some(details),
            actions: Vec::new(),
        })
    }

    fn new(
        cx: &BillingContext,
        account: &SubjectAccount,
        managed_by: &ManagedBy,
        prices: &PriceList,
    ) -> Self {
        let plan = plan(cx, account);
        let own = own_customers(account, &cx.settings().sync.subject_keys);
        let Some(owned) = current(account) else {
            let ended = last_ended(account).map(|owned| &owned.subscription.status);
            let conditions = ActionConditions {
                status: ended,
                is_pending: false,
                is_managed_elsewhere: false,
                has_customer: !own.is_empty() || account.record.customer.is_some(),
            };
            let status = ended.map_or("none", |status| status.as_str()).to_owned();
            let mut actions = conditions.actions();
            // A subscription that cannot be changed here may exclude buying a plan.
            let plans = &cx.shared.plans;
            if blocking_subscription(account, plans, plans.highest_rank()).is_some() {
                actions.retain(|action| *action != "checkout");
            }
            return SubscriptionView { plan, status, source: None, details: None, actions };
        };
        let subscription = &owned.subscription;
        let conditions = ActionConditions {
            status: Some(&subscription.status),
            is_pending: cancels_at_s(subscription).is_some() || managed_by.is_pending(cx.now()),
            is_managed_elsewhere: managed_by.is_other(),
            has_customer: own.contains(&subscription.customer),
        };
        let details = Details::new(cx, account, owned, managed_by, prices);
        let status = subscription.status.as_str().to_owned();
        SubscriptionView { plan, status, source: None, details: Some(details), actions: conditions.actions() }
    }

    /// Returns the response to `GET subscription`.
    pub(super) fn response(&self) -> EndpointResponse {
        EndpointResponse::json(self)
    }

    /// Returns the response to an action. `synced` says whether Clerk's record is already up to date.
    pub(super) fn response_after_action(&self, synced: bool) -> EndpointResponse {
        #[derive(Serialize)]
        struct AfterAction<'a> {
            #[serde(flatten)]
            view: &'a SubscriptionView,
            synced: bool,
        }
        EndpointResponse::json(&AfterAction { view: self, synced })
    }

    /// Returns the error for a subject that wants to buy another plan than the one that it pays for. `status`
    /// and `sold` are the status and the plan of the subscription that excludes it; `sold` is `None` if it
    /// maps to none.
    pub(super) fn already_subscribed(
        mut self,
        cx: &BillingContext,
        status: String,
        sold: Option<Rank>,
    ) -> BillingError {
        self.actions.retain(|action| *action != "checkout");
        let plan = sold.map_or(self.plan, |rank| cx.plan_name(rank).to_owned());
        BillingError::AlreadySubscribed { plan, status, source: self.source, actions: self.actions }
    }
}

/// Returns the name of the plan that Clerk's record should have.
fn plan(cx: &BillingContext, account: &SubjectAccount) -> String {
    let plan = account.target.plan.clone();
    plan.unwrap_or_else(|| cx.plan_name(cx.shared.plans.default_rank()).to_owned())
}

impl Details {
    fn new(
        cx: &BillingContext,
        account: &SubjectAccount,
        owned: &OwnedSubscription,
        managed_by: &ManagedBy,
        prices: &PriceList,
    ) -> Self {
        let subscription = &owned.subscription;
        let item = plan_item(owned).map(|(_, item)| item);
        let period_end_s =
            item.and_then(|item| item.current_period_end_s).or(subscription.current_period_end_s());
        let default = cx.shared.plans.default_rank();
        let pending = pending(owned, managed_by, prices, default, cx.now()).map(|pending| Pending {
            plan: pending.plan.map(|plan| cx.plan_name(plan).to_owned()),
            at: rfc3339(pending.at_s),
        });
        let is_granting = account.target.granted_by.as_ref() == Some(&subscription.id);
        let is_shown = account.target.plan_source != Some(PlanSource::ClerkBilling);
        let grace_until = account.target.subscription.grace_until.filter(|_| is_granting && is_shown);
        let is_trialing = subscription.status == SubscriptionStatus::Trialing;
        Details {
            interval: item.and_then(|item| Some(item.price.terms.recurring.as_ref()?.interval.clone())),
            quantity: item.and_then(|item| item.quantity),
            current_period_end: period_end_s.map(rfc3339),
            cancel_at_period_end: cancels_at_s(subscription).is_some_and(|at_s| Some(at_s) <= period_end_s)
                || subscription.cancel_at_period_end,
            trial_end: subscription.changes.trial_end_s.filter(|_| is_trialing).map(rfc3339),
            grace_until: grace_until.map(|until| rfc3339(until.as_secs())),
            pending,
        }
    }
}
