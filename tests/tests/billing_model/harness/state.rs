//! The state of the user at Stripe and Clerk, without ids and times, and its invariants.

use super::shop::{Shop, USER};
use tollgate_tests::fakes::stripe::Account;
use tollgate_tests::fakes::stripe::model::{Customer, Invoice, Session, Subscription, SubscriptionSchedule};

/// The state of the user at Stripe and Clerk, in a form that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShopState {
    /// The plan in Clerk's metadata.
    pub(crate) plan: Option<String>,
    /// The number of customers.
    pub(crate) customers: usize,
    /// Subscriptions, each with its schedule.
    pub(crate) subscriptions: Vec<String>,
    /// Checkout sessions.
    pub(crate) sessions: Vec<String>,
    /// Invoices.
    pub(crate) invoices: Vec<String>,
}

impl ShopState {
    /// Reads the state of a shop.
    pub(crate) fn read(shop: &Shop) -> Self {
        shop.stripe.account(|account| ShopState {
            plan: shop.clerk.plan(USER),
            customers: account.newest_first::<Customer>(|customer| !customer.deleted).len(),
            subscriptions: sorted(account.newest_first::<Subscription>(|_| true), |s| {
                subscription(account, s)
            }),
            sessions: sorted(account.newest_first::<Session>(|_| true), |session| {
                let items: Vec<_> =
                    session.line_items.iter().map(|item| (&item.price, item.quantity)).collect();
                format!("{} {} {items:?}", session.mode, session.status)
            }),
            invoices: sorted(account.newest_first::<Invoice>(|_| true), |invoice| {
                let lines: Vec<_> =
                    invoice.lines.iter().map(|line| (&line.price, line.is_proration)).collect();
                format!("{} {} {lines:?}", invoice.billing_reason, invoice.status)
            }),
        })
    }
}

fn sorted<T>(objects: Vec<&T>, line: impl Fn(&T) -> String) -> Vec<String> {
    let mut lines: Vec<String> = objects.into_iter().map(line).collect();
    lines.sort();
    lines
}

fn subscription(account: &Account, subscription: &Subscription) -> String {
    let items: Vec<_> = subscription.items.iter().map(|item| (&item.price, item.quantity)).collect();
    let schedule = subscription.schedule.as_ref().and_then(|id| account.find::<SubscriptionSchedule>(id));
    let phases = schedule.map(|schedule| {
        let phases = schedule.phases.iter().map(|phase| format!("{:?}", phase.items));
        phases.collect::<Vec<_>>().join(" then ")
    });
    format!(
        "{} {items:?} cancels: {} {} waits: {} phases: {phases:?}",
        subscription.status,
        subscription.cancel_at_period_end,
        subscription.cancel_at.is_some(),
        subscription.pending_update.is_some(),
    )
}

/// Checks the invariants that always hold once nothing is in progress and all events were delivered.
///
/// # Errors
/// The invariant that does not hold.
pub(crate) fn check_invariants(shop: &Shop) -> Result<(), String> {
    let (customers, live, open_sessions) = shop.stripe.account(|account| {
        let is_live = |s: &Subscription| !matches!(s.status.as_str(), "canceled" | "incomplete_expired");
        let is_open = |session: &Session| session.status == "open" && session.mode == "subscription";
        let live = account.newest_first::<Subscription>(is_live).into_iter().cloned().collect::<Vec<_>>();
        let customers = account.newest_first::<Customer>(|customer| !customer.deleted).len();
        (customers, live, account.newest_first::<Session>(is_open).len())
    });
    if customers > 1 {
        return Err(format!("{customers} customers"));
    }
    if live.len() > 1 && !shop.alarms.contains("double_subscription") {
        return Err(format!("{} live subscriptions and no alarm", live.len()));
    }
    let sessions_max = if live.is_empty() { 1 } else { 0 };
    if open_sessions > sessions_max {
        return Err(format!(
            "{open_sessions} open sessions in addition to {} live subscriptions",
            live.len()
        ));
    }
    let paid = live.iter().filter(|s| matches!(s.status.as_str(), "active" | "trialing" | "past_due"));
    let plans = paid.flat_map(|s| &s.items).map(|item| match item.price.as_str() {
        "price_pro" => (1, "pro"),
        _ => (2, "enterprise"),
    });
    let plan = plans.max().map_or("free", |(_, plan)| plan);
    let shown = shop.clerk.plan(USER);
    if shown.as_deref().unwrap_or("free") != plan {
        return Err(format!("Clerk shows {shown:?}, Stripe sells {plan}"));
    }
    Ok(())
}
