//! `POST checkout`: opens Stripe's checkout for a plan or a purchase.
//!
//! A subject has at most one customer, one subscription, one trial, and one open session, so a second click
//! does not buy a second time.

use super::checkout_sessions::{Expiry, expire_concurrent, list_sessions, open_session};
use super::context::{BillingAction, BillingContext};
use super::customer::Buyer;
use super::effects::EndpointResult;
use super::error::BillingError;
use super::members::Members;
use super::owned::{blocking_subscription, had_trial};
use super::prices::{PlanPrice, PriceList};
use super::response::{EndpointResponse, rfc3339};
use super::urls;
use super::view::SubscriptionView;
use crate::config::{BillingAddress, TrialPayment};
use crate::ids::CustomerId;
use crate::plan_table::Rank;
use crate::stripe::hosted_session::BuyerSession;
use crate::stripe::write::Parameters;
use crate::sync::SubjectAccount;
use serde::Serialize;

/// The maximum number of times that the account is read. It is read again if a checkout session was completed
/// in the meantime.
const READS_MAX: usize = 3;

/// The body of the request.
#[derive(Debug)]
pub(super) struct CheckoutRequest {
    item: BoughtItem,
    quantity: Option<u64>,
    success_url: Option<String>,
    cancel_url: Option<String>,
    locale: Option<&'static str>,
}

/// The item that the buyer has chosen.
#[derive(Debug)]
enum BoughtItem {
    Plan { name: String, interval: Option<String> },
    Purchase(String),
}

impl CheckoutRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// [`BillingError::InvalidRequest`] and [`BillingError::UrlNotAllowed`].
    pub(super) fn read(mut members: Members, origins: &[String]) -> Result<Self, BillingError> {
        let (plan, purchase) = (members.text("plan")?, members.text("purchase")?);
        let interval = members.text("interval")?;
        let item = match (plan, purchase) {
            (Some(name), None) => BoughtItem::Plan { name, interval },
            (None, Some(_)) if interval.is_some() => {
                return Err(BillingError::invalid("interval", "a purchase has no interval"));
            }
            (None, Some(name)) => BoughtItem::Purchase(name),
            (Some(_), Some(_)) => {
                return Err(BillingError::invalid("purchase", "buy a plan or a purchase, not both"));
            }
            (None, None) => return Err(BillingError::invalid("plan", "name the plan or the purchase")),
        };
        let mut url = |member| match members.text(member)? {
            Some(url) => urls::check(url, origins, member).map(Some),
            None => Ok(None),
        };
        let (success_url, cancel_url) = (url("success_url")?, url("cancel_url")?);
        let quantity = members.quantity()?;
        let locale = members.locale()?;
        members.end()?;
        Ok(CheckoutRequest { item, quantity, success_url, cancel_url, locale })
    }
}

/// The body of the response.
#[derive(Serialize)]
struct CheckoutResponse<'a> {
    id: &'a str,
    url: &'a str,
    expires_at: String,
}

/// Opens a checkout.
pub(super) async fn checkout(cx: BillingContext, request: &CheckoutRequest) -> EndpointResult {
    match &request.item {
        BoughtItem::Plan { name, interval } => {
            let Some(plan) = cx.shared.plans.rank_of(name) else { return Err(BillingError::UnknownPlan) };
            buy_plan(&cx, request, plan, interval.as_deref()).await
        }
        BoughtItem::Purchase(name) => buy_purchase(&cx, request, name).await,
    }
}

async fn buy_plan(
    cx: &BillingContext,
    request: &CheckoutRequest,
    plan: Rank,
    interval: Option<&str>,
) -> EndpointResult {
    let prices = cx.prices().await?;
    let price = choose_price(&prices, plan, interval)?.clone();
    let quantity = match (price.is_metered, request.quantity) {
        (true, Some(_)) => return Err(BillingError::invalid("quantity", "a metered price has no quantity")),
        (true, None) => None,
        (false, quantity) => Some(quantity.unwrap_or(1)),
    };
    for _ in 0..READS_MAX {
        let buyer = Buyer::read(cx).await?;
        refuse_second_subscription(cx, &buyer, plan).await?;
        let customer = buyer.find_or_create_customer(cx).await?;
        let sessions = list_sessions(cx, &customer).await?;
        if sessions.iter().any(|session| was_completed_after_read(session, &buyer.account)) {
            continue;
        }
        let trial = trial(cx, plan).filter(|_| !had_trial(&buyer.account, &buyer.own));
        let form = common_form(cx, request, &customer, "subscription", (&price.id, quantity));
        let form = subscription_form(cx, form, trial);
        let Some(session) = open_session(cx, sessions, form, true).await? else { continue };
        if expire_concurrent(cx, &customer, &session).await? == Expiry::HasEnded {
            continue;
        }
        cx.audit(BillingAction::CheckoutStarted, Some(cx.plan_name(plan)), Some(session.id.as_str()));
        return response_with(&session);
    }
    Err(BillingError::transient("checkout sessions were completed each time that the account was read"))
}

/// Returns whether the session was completed after the account was read, so that its subscription is not
/// known yet.
fn was_completed_after_read(session: &BuyerSession, account: &SubjectAccount) -> bool {
    session.subscription.as_ref().is_some_and(|subscription| !account.subscription_ids.contains(subscription))
}

async fn buy_purchase(cx: &BillingContext, request: &CheckoutRequest, name: &str) -> EndpointResult {
    if !cx.settings().purchases.iter().any(|purchase| purchase.name == name) {
        return Err(BillingError::UnknownPurchase);
    }
    let prices = cx.prices().await?;
    let price = prices.of_purchase(name).ok_or(BillingError::UnknownPurchase)?;
    let buyer = Buyer::read(cx).await?;
    let customer = buyer.find_or_create_customer(cx).await?;
    let (key, subject) = (cx.subject_key(), cx.subject.as_str());
    let form = common_form(cx, request, &customer, "payment", (price, Some(request.quantity.unwrap_or(1))))
        .with("invoice_creation[enabled]", "true")
        .with(format!("payment_intent_data[metadata][{key}]"), subject)
        .with("metadata[tollgate_purchase]", name);
    let sessions = list_sessions(cx, &customer).await?;
    let session = open_session(cx, sessions, form, false).await?.ok_or(BillingError::Internal)?;
    cx.audit(BillingAction::PurchaseStarted, Some(name), Some(session.id.as_str()));
    response_with(&session)
}

/// Returns the price of a plan for the interval that the client has chosen.
///
/// # Errors
/// [`BillingError::PlanNotForSale`] and [`BillingError::IntervalRequired`].
pub(super) fn choose_price<'a>(
    prices: &'a PriceList,
    plan: Rank,
    interval: Option<&str>,
) -> Result<&'a PlanPrice, BillingError> {
    let all = prices.of_plan(plan);
    if let Some(interval) = interval {
        return all.iter().find(|price| price.interval == interval).ok_or(BillingError::PlanNotForSale);
    }
    match all {
        [] => Err(BillingError::PlanNotForSale),
        [price] => Ok(price),
        several => {
            let mut intervals: Vec<String> = Vec::new();
            for price in several {
                if !intervals.contains(&price.interval) {
                    intervals.push(price.interval.clone());
                }
            }
            Err(BillingError::IntervalRequired { intervals })
        }
    }
}

/// Returns an error if the subject has a subscription that prevents this purchase.
async fn refuse_second_subscription(
    cx: &BillingContext,
    buyer: &Buyer,
    plan: Rank,
) -> Result<(), BillingError> {
    let account = &buyer.account;
    if !account.unreadable.is_empty() {
        return Err(BillingError::transient("a subscription cannot be read"));
    }
    refuse_beside_clerk_billing(cx, account)?;
    let Some(blocking) = blocking_subscription(account, &cx.shared.plans, plan) else { return Ok(()) };
    if let Some(alarm) = blocking.alarm {
        cx.effects.report(alarm);
    }
    let status = blocking.owned.subscription.status.as_str().to_owned();
    let view = SubscriptionView::read(cx, account).await?;
    Err(view.already_subscribed(cx, status, blocking.owned.sold.rank()))
}

/// Returns an error if the subject pays for a plan at Clerk Billing, or must pay for one, and has no
/// subscription at Stripe that it could change.
fn refuse_beside_clerk_billing(cx: &BillingContext, account: &SubjectAccount) -> Result<(), BillingError> {
    let view = SubscriptionView::of_clerk_billing(cx, account);
    let sold = account.clerk_item.as_ref();
    match (view, sold) {
        (Some(view), Some(sold)) => {
            let status = sold.item.status.as_str().to_owned();
            Err(view.already_subscribed(cx, status, sold.plan))
        }
        _ => Ok(()),
    }
}

/// Returns the number of days of the plan's trial, and when it requires a payment method; `None` if the plan
/// has no trial.
fn trial(cx: &BillingContext, plan: Rank) -> Option<(u64, TrialPayment)> {
    let trial = cx.settings().checkout.trial.as_ref()?;
    trial.plans.contains(&plan).then_some((trial.days, trial.payment_method))
}

/// Returns the parameters that every session has.
fn common_form(
    cx: &BillingContext,
    request: &CheckoutRequest,
    customer: &CustomerId,
    mode: &str,
    (price, quantity): (&str, Option<u64>),
) -> Parameters {
    let settings = cx.settings();
    let checkout = &settings.checkout;
    let url = |chosen: &Option<String>, default: &str| chosen.clone().unwrap_or_else(|| default.to_owned());
    let (key, subject) = (cx.subject_key(), cx.subject.as_str());
    let mut form = Parameters::default()
        .with("mode", mode)
        .with("customer", customer.as_str())
        .with("client_reference_id", subject)
        .with("line_items[0][price]", price)
        .with_optional("line_items[0][quantity]", quantity.map(|quantity| quantity.to_string()))
        .with("success_url", url(&request.success_url, &settings.success_url))
        .with("cancel_url", url(&request.cancel_url, &settings.cancel_url))
        .with(format!("metadata[{key}]"), subject)
        .with_optional("locale", request.locale);
    if checkout.promotion_codes {
        form = form.with("allow_promotion_codes", "true");
    }
    if checkout.billing_address == BillingAddress::Required {
        form = form.with("billing_address_collection", "required");
    }
    if checkout.automatic_tax {
        form = form.with("automatic_tax[enabled]", "true");
    }
    if checkout.tax_ids {
        form = form.with("tax_id_collection[enabled]", "true").with("customer_update[name]", "auto");
    }
    if checkout.automatic_tax || checkout.tax_ids {
        // Stripe requires `customer_update[address]` if the session has an existing customer.
        form = form.with("customer_update[address]", "auto");
    }
    form
}

/// Adds the parameters of a subscription.
fn subscription_form(
    cx: &BillingContext,
    form: Parameters,
    trial: Option<(u64, TrialPayment)>,
) -> Parameters {
    let form = form.with(format!("subscription_data[metadata][{}]", cx.subject_key()), cx.subject.as_str());
    let Some((days, payment_method)) = trial else { return form };
    let form = form.with("subscription_data[trial_period_days]", days.to_string());
    match payment_method {
        TrialPayment::Always => form,
        TrialPayment::IfRequired => form
            .with("payment_method_collection", "if_required")
            .with("subscription_data[trial_settings][end_behavior][missing_payment_method]", "cancel"),
    }
}

fn response_with(session: &BuyerSession) -> EndpointResult {
    let url = session.url.as_ref().ok_or(BillingError::Internal)?;
    Ok(EndpointResponse::json(&CheckoutResponse {
        id: session.id.as_str(),
        url: url.expose(),
        expires_at: rfc3339(session.expires_at_s),
    }))
}
