//! `POST change` and `POST change/preview`: another plan, interval, or quantity of the current subscription.
//!
//! An upgrade takes effect and is charged now; if the payment fails, nothing changes. A downgrade takes
//! effect at the end of the paid period, by a subscription schedule. The member `at` overrides the time.

use super::cancel::{EffectiveAt, release};
use super::checkout::choose_price;
use super::context::{BillingAction, BillingContext};
use super::effects::EndpointResult;
use super::error::BillingError;
use super::members::Members;
use super::owned::{ActionConditions, current, own_customers};
use super::payment;
use super::pending::{ManagedBy, cancels_at_s, plan_item};
use super::prices::PlanPrice;
use super::response::{EndpointResponse, rfc3339};
use super::resume::undo_cancellation;
use super::scheduled_change::{self, ScheduledChange};
use super::subscription::response_after_action;
use crate::ids::SubscriptionItemId;
use crate::plan_table::Rank;
use crate::sorted::SortedSet;
use crate::stripe::invoice_list::{InvoicePreview, PreviewLine};
use crate::stripe::subscription::{Item, Subscription, SubscriptionStatus};
use crate::stripe::write::Parameters;
use crate::sync::{OwnedSubscription, SubjectAccount};
use serde::Serialize;

/// How long a client can use the `proration_date` of a preview, so that the change is charged as the preview
/// showed, in seconds.
const PREVIEW_VALID_S: u64 = 600;

/// The body of both requests.
#[derive(Debug)]
pub(super) struct ChangeRequest {
    plan: String,
    interval: Option<String>,
    quantity: Option<u64>,
    at: Option<EffectiveAt>,
    proration_date: Option<u64>,
}

impl ChangeRequest {
    /// Reads the body of `change`.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`].
    pub(super) fn read(mut members: Members) -> Result<Self, BillingError> {
        let proration_date = members.unix_seconds("proration_date")?;
        Ok(ChangeRequest { proration_date, ..Self::read_preview(members)? })
    }

    /// Reads the body of `change/preview`.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`].
    pub(super) fn read_preview(mut members: Members) -> Result<Self, BillingError> {
        let plan = members.text("plan")?.ok_or_else(|| BillingError::invalid("plan", "name the plan"))?;
        let interval = members.text("interval")?;
        let quantity = members.quantity()?;
        let at = EffectiveAt::read(&mut members)?;
        members.end()?;
        Ok(ChangeRequest { plan, interval, quantity, at, proration_date: None })
    }
}

/// A change that is possible, compared with the current subscription.
#[derive(Debug)]
pub(super) struct PlannedChange<'a> {
    pub(super) owned: &'a OwnedSubscription,
    pub(super) item: SubscriptionItemId,
    /// The requested plan.
    pub(super) plan: Rank,
    pub(super) price: String,
    /// The price's interval and interval count.
    pub(super) interval: (String, u64),
    /// `None` for a metered price.
    pub(super) quantity: Option<u64>,
    pub(super) at: EffectiveAt,
    /// Whether the subscription already has the requested price and quantity.
    is_current: bool,
    /// Whether the subscription is in a trial that the requested plan does not have.
    ends_trial: bool,
}

impl<'a> PlannedChange<'a> {
    /// Compares the requested change with the current subscription.
    ///
    /// # Errors
    /// [`BillingError::NoSubscription`], errors about the plan and its prices, and
    /// [`BillingError::ActionUnavailable`] if the subscription's status allows no change.
    async fn new(
        cx: &BillingContext,
        account: &'a SubjectAccount,
        request: &ChangeRequest,
    ) -> Result<Self, BillingError> {
        let plan = cx.shared.plans.rank_of(&request.plan).ok_or(BillingError::UnknownPlan)?;
        let prices = cx.prices().await?;
        let owned = current(account).ok_or(BillingError::NoSubscription)?;
        let subscription = &owned.subscription;
        let (current_plan, item) = plan_item(owned).ok_or(BillingError::NoSubscription)?;
        let is_changeable =
            matches!(subscription.status, SubscriptionStatus::Active | SubscriptionStatus::Trialing);
        if !is_changeable {
            return Err(action_unavailable(cx, account, subscription));
        }
        // Without an interval in the request, the current interval stays if the plan has a price for it.
        let recurring = item.price.terms.recurring.as_ref();
        let current_interval = recurring.map(|recurring| recurring.interval.as_str());
        let has_current_interval =
            prices.of_plan(plan).iter().any(|price| Some(price.interval.as_str()) == current_interval);
        let interval = request.interval.as_deref().or(current_interval.filter(|_| has_current_interval));
        let price = match recurring {
            // A price that the request does not change stays, even if it is no longer for sale.
            Some(recurring)
                if plan == current_plan && interval.is_none_or(|name| name == recurring.interval) =>
            {
                PlanPrice::new(&item.price, recurring)
            }
            _ => choose_price(&prices, plan, interval)?.clone(),
        };
        if price.is_metered && request.quantity.is_some() {
            return Err(BillingError::invalid("quantity", "a metered price has no quantity"));
        }
        let current_quantity = item.quantity.unwrap_or(1);
        let quantity = request.quantity.unwrap_or(current_quantity);
        let is_downgrade = plan < current_plan
            || (plan == current_plan && price.id == item.price.id && quantity < current_quantity);
        let default = if is_downgrade { EffectiveAt::PeriodEnd } else { EffectiveAt::Now };
        Ok(PlannedChange {
            owned,
            item: item.id.clone().ok_or_else(|| BillingError::transient("an item has no id"))?,
            plan,
            price: price.id.clone(),
            interval: (price.interval.clone(), price.interval_count),
            quantity: (!price.is_metered).then_some(quantity),
            at: request.at.unwrap_or(default),
            is_current: price.id == item.price.id && (price.is_metered || quantity == current_quantity),
            ends_trial: subscription.status == SubscriptionStatus::Trialing && !has_trial(cx, plan),
        })
    }

    /// Returns the end of the paid period, in seconds since the Unix epoch.
    fn period_end_s(&self) -> Option<u64> {
        let item = plan_item(self.owned).and_then(|(_, item)| item.current_period_end_s);
        item.or(self.owned.subscription.current_period_end_s())
    }

    /// Returns whether Stripe has made the change, or keeps it pending until it is paid.
    async fn is_in_effect(&self, cx: &BillingContext) -> Result<bool, BillingError> {
        Ok(self.read_if_in_effect(cx).await?.is_some())
    }

    /// Reads the subscription. Returns it if Stripe has made the change, or keeps it pending until it is
    /// paid.
    async fn read_if_in_effect(&self, cx: &BillingContext) -> Result<Option<Subscription>, BillingError> {
        let callout = cx.stripe().retrieve_subscription(&self.owned.subscription.id);
        let now = cx.read("GET /v1/subscriptions/:id", callout, Subscription::parse).await?;
        let is_changed = |item: &Item| {
            item.id.as_ref() == Some(&self.item)
                && item.price.id == self.price
                && (self.quantity.is_none() || item.quantity == self.quantity)
        };
        Ok(now.filter(|now| now.changes.has_pending_update || now.items.iter().any(is_changed)))
    }

    /// Returns the parameters of the changed item, below `prefix`.
    fn item_form(&self, prefix: &str) -> Parameters {
        let name = |member: &str| match prefix {
            "" => format!("items[0][{member}]"),
            prefix => format!("{prefix}[items][0][{member}]"),
        };
        Parameters::default()
            .with(name("id"), self.item.as_str())
            .with(name("price"), &self.price)
            .with_optional(&name("quantity"), self.quantity.map(|quantity| quantity.to_string()))
    }
}

fn action_unavailable(
    cx: &BillingContext,
    account: &SubjectAccount,
    subscription: &Subscription,
) -> BillingError {
    let own = own_customers(account, &cx.settings().sync.subject_keys);
    let conditions = ActionConditions {
        status: Some(&subscription.status),
        is_pending: false,
        is_managed_elsewhere: false,
        has_customer: own.contains(&subscription.customer),
    };
    let status = subscription.status.as_str().to_owned();
    BillingError::ActionUnavailable { status, actions: conditions.actions() }
}

#[derive(Serialize)]
struct PreviewResponse {
    effective: &'static str,
    at: Option<String>,
    amount_due: i64,
    currency: String,
    proration_date: Option<u64>,
    lines: Vec<LineView>,
}

#[derive(Serialize)]
struct LineView {
    description: Option<String>,
    amount: i64,
    period: LinePeriod,
}

#[derive(Serialize)]
struct LinePeriod {
    start: String,
    end: String,
}

impl From<PreviewLine> for LineView {
    fn from(line: PreviewLine) -> Self {
        let period = LinePeriod { start: rfc3339(line.start_s), end: rfc3339(line.end_s) };
        LineView { description: line.description, amount: line.amount, period }
    }
}

/// Returns what a change would cost.
pub(super) async fn preview(cx: BillingContext, request: &ChangeRequest) -> EndpointResult {
    let account = cx.account(SortedSet::default()).await?;
    let change = PlannedChange::new(&cx, &account, request).await?;
    let managed_by = ManagedBy::read(&cx, &change.owned.subscription).await?;
    if managed_by.is_other() {
        return Err(BillingError::ChangePending);
    }
    let now_s = cx.now().as_secs();
    let subscription = &change.owned.subscription;
    let is_canceled = cancels_at_s(subscription).is_some();
    // Keeping the current plan is a change only if the subscription would otherwise change or end.
    if change.is_current && !is_canceled && !managed_by.is_pending(cx.now()) {
        return Err(BillingError::NoChange);
    }
    let form = change
        .item_form("subscription_details")
        .with("subscription", subscription.id.as_str())
        .with_optional("subscription_details[cancel_at_period_end]", is_canceled.then_some("false"));
    let (effective, at_s, proration_date, form) = match change.at {
        EffectiveAt::Now => {
            let form = form
                .with_optional("subscription_details[trial_end]", change.ends_trial.then_some("now"))
                .with("subscription_details[proration_behavior]", "always_invoice")
                .with("subscription_details[proration_date]", now_s.to_string());
            ("now", Some(now_s), Some(now_s), form)
        }
        EffectiveAt::PeriodEnd => {
            let form = form.with("subscription_details[proration_behavior]", "none");
            ("period_end", change.period_end_s(), None, form)
        }
    };
    let callout = cx.stripe().preview_invoice(&form);
    let preview = cx.send("POST /v1/invoices/create_preview", callout, InvoicePreview::parse).await?;
    Ok(EndpointResponse::json(&PreviewResponse {
        effective,
        at: at_s.map(rfc3339),
        amount_due: preview.amount_due,
        currency: preview.currency,
        proration_date,
        lines: preview.lines.into_iter().map(LineView::from).collect(),
    }))
}

/// Changes the subscription.
pub(super) async fn change(cx: BillingContext, request: &ChangeRequest) -> EndpointResult {
    let now_s = cx.now().as_secs();
    if let Some(date) = request.proration_date
        && (date > now_s || now_s.saturating_sub(date) > PREVIEW_VALID_S)
    {
        return Err(BillingError::PreviewExpired);
    }
    let account = cx.account(SortedSet::default()).await?;
    let change = PlannedChange::new(&cx, &account, request).await?;
    let managed_by = ManagedBy::read(&cx, &change.owned.subscription).await?;
    if managed_by.is_other() {
        return Err(BillingError::ChangePending);
    }
    match change.at {
        _ if change.is_current => keep_current(&cx, &change.owned.subscription, &managed_by).await?,
        EffectiveAt::Now => change_now(&cx, &change, &managed_by, request.proration_date).await?,
        EffectiveAt::PeriodEnd => {
            let scheduled = ScheduledChange { change: &change, managed_by: &managed_by };
            scheduled_change::schedule(&cx, scheduled).await?;
        }
    }
    let object = Some(change.owned.subscription.id.as_str());
    cx.audit(BillingAction::ChangeRequested, Some(cx.plan_name(change.plan)), object);
    response_after_action(&cx, "billing.change", &account).await
}

/// Undoes a pending change or cancellation, so that the current plan stays. This also completes an earlier
/// request that charged a change but did not yet undo the cancellation.
///
/// # Errors
/// [`BillingError::NoChange`] if the subscription would neither change nor end.
async fn keep_current(
    cx: &BillingContext,
    subscription: &Subscription,
    managed_by: &ManagedBy,
) -> Result<(), BillingError> {
    let is_canceled = cancels_at_s(subscription).is_some();
    match managed_by {
        ManagedBy::Tollgate(schedule) if managed_by.is_pending(cx.now()) => release(cx, &schedule.id).await?,
        _ if !is_canceled => return Err(BillingError::NoChange),
        _ => {}
    }
    if is_canceled { undo_cancellation(cx, subscription).await } else { Ok(()) }
}

/// Changes the subscription at once, and charges the difference.
async fn change_now(
    cx: &BillingContext,
    change: &PlannedChange<'_>,
    managed_by: &ManagedBy,
    proration_date: Option<u64>,
) -> Result<(), BillingError> {
    let subscription = &change.owned.subscription;
    if let ManagedBy::Tollgate(schedule) = managed_by {
        release(cx, &schedule.id).await?;
    }
    let form = change
        .item_form("")
        .with("proration_behavior", "always_invoice")
        .with("payment_behavior", "pending_if_incomplete")
        .with_optional("trial_end", change.ends_trial.then_some("now"))
        .with_optional("proration_date", proration_date.map(|date| date.to_string()))
        .with("expand[]", "latest_invoice");
    let (parameters, state) = (form.encode(), state(subscription));
    let parts = [subscription.id.as_str(), parameters.as_str(), state.as_str()];
    let request = |key: &_| cx.stripe().update_subscription(&subscription.id, &form, Some(key));
    let still_holds = async |_: &Subscription| change.is_in_effect(cx).await;
    let endpoint = "POST /v1/subscriptions/:id";
    let changed = match cx.create(endpoint, &parts, request, Subscription::parse, still_holds).await {
        Ok(changed) => changed,
        // The response was lost, or came too late.
        Err(error) if error.is_transient() => change.read_if_in_effect(cx).await?.ok_or(error)?,
        // The subscription was just read, so the missing object is the payment method.
        Err(BillingError::ObjectMissing(_)) => {
            let message = Some("there is no payment method: add one in the portal".to_owned());
            return Err(BillingError::PaymentFailed { message, url: None });
        }
        Err(error) => return Err(error),
    };
    payment::check(cx, subscription, &changed).await?;
    // This comes last, because a change whose payment fails must not undo the cancellation.
    if cancels_at_s(&changed).is_some() { undo_cancellation(cx, &changed).await } else { Ok(()) }
}

/// Returns whether a plan has a trial.
fn has_trial(cx: &BillingContext, plan: Rank) -> bool {
    cx.settings().checkout.trial.as_ref().is_some_and(|trial| trial.plans.contains(&plan))
}

/// Returns the state of a subscription that a change depends on, for its idempotency key.
pub(super) fn state(subscription: &Subscription) -> String {
    let items = subscription.items.iter().map(|item| {
        let id = item.id.as_ref().map_or("", SubscriptionItemId::as_str);
        format!("{id}={}*{:?}", item.price.id, item.quantity)
    });
    let items: Vec<String> = items.collect();
    let changes = &subscription.changes;
    format!(
        "{} {:?} {} {:?} {} {:?}",
        items.join(","),
        subscription.cancel_at_s,
        subscription.cancel_at_period_end,
        changes.schedule,
        changes.has_pending_update,
        changes.latest_invoice
    )
}
