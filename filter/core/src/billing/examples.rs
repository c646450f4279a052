//! The alarms and refusals of the billing endpoints that `docs/alarms.md` shows.

use super::customer::search_failed;
use super::error::BillingError;
use super::members::Members;
use super::owned::ActionConditions;
use super::prices::{PriceBook, PriceStep};
use crate::examples::{NOW, refused, stripe_webhook, user};
use crate::http::{HeaderMap, Outcome};
use crate::machine::InquiryId;
use crate::problem::Problem;
use crate::report::Report;
use crate::stripe::subscription::SubscriptionStatus;
use crate::sync::{Service, SyncError};

/// The page of an invoice at Stripe.
const INVOICE_URL: &str = "https://invoice.stripe.com/i/acct_1/live_1";

/// Returns the alarms of the page.
pub(crate) fn alarms() -> Vec<Report> {
    let error = br#"{"error": {"type": "invalid_request_error", "code": "resource_missing"}}"#;
    let headers = HeaderMap::default();
    let missing = Outcome::Response { status: 404, headers: &headers, body: error };
    let mut lines = vec![search_failed(&user(), &refused().to_string())];
    for outcome in [missing, Outcome::TimedOut] {
        lines.extend(price_read(&outcome));
    }
    lines
}

/// Returns the reports about a read of the price of the plan `pro`.
fn price_read(outcome: &Outcome<'_>) -> Vec<Report> {
    let configuration = stripe_webhook();
    let mut prices = PriceBook::new(&configuration.plans, &[], configuration.section.sync.stripe);
    let PriceStep::Start(index, _) = prices.step(NOW) else { panic!("nothing to read") };
    prices.started(index, InquiryId(1));
    prices.handle_outcome(InquiryId(1), outcome, NOW)
}

/// Returns the refusals of the page.
pub(crate) fn problems() -> Vec<Problem> {
    let requests = [
        BillingError::NotFound,
        BillingError::UnsupportedMediaType,
        BillingError::Overloaded,
        Members::parse(br#"{"plan": 1}"#).unwrap().text("plan").unwrap_err(),
        BillingError::UrlNotAllowed { member: "success_url" },
        BillingError::TooManyRequests { retry_after_s: 30 },
        BillingError::OriginRequired,
        BillingError::NotAllowedForOrganization,
        BillingError::UnknownPlan,
        BillingError::UnknownPurchase,
        BillingError::PlanNotForSale,
        BillingError::IntervalRequired { intervals: vec!["month".to_owned(), "year".to_owned()] },
        BillingError::NoCustomer,
        BillingError::NoSubscription,
        BillingError::NothingToResume,
        BillingError::NoChange,
        BillingError::ChangePending,
        BillingError::PreviewExpired,
    ];
    let service = Service::Stripe;
    let others = [
        already_subscribed(),
        action_unavailable(),
        BillingError::PaymentFailed {
            message: Some("Your card was declined.".to_owned()),
            url: Some(INVOICE_URL.to_owned()),
        },
        BillingError::PaymentActionRequired { url: Some(INVOICE_URL.to_owned()) },
        BillingError::Service(SyncError::KeyRefused { service, why: String::new() }),
        BillingError::Service(SyncError::Transient { service, why: String::new() }),
        BillingError::Service(refused()),
    ];
    requests.into_iter().chain(others).map(BillingError::problem).collect()
}

fn already_subscribed() -> BillingError {
    let actions = actions(&SubscriptionStatus::Active);
    let (plan, status) = ("pro".to_owned(), "active".to_owned());
    BillingError::AlreadySubscribed { plan, status, source: None, actions }
}

fn action_unavailable() -> BillingError {
    let actions = actions(&SubscriptionStatus::PastDue);
    BillingError::ActionUnavailable { status: "past_due".to_owned(), actions }
}

fn actions(status: &SubscriptionStatus) -> Vec<&'static str> {
    let conditions = ActionConditions {
        status: Some(status),
        is_pending: false,
        is_managed_elsewhere: false,
        has_customer: true,
    };
    conditions.actions()
}
