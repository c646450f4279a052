//! Properties of Stripe's events and API responses, genuine or forged.

use crate::{split_line, with_unrepresentable_member};
use std::time::Duration;
use tollgate_core::http::HeaderMap;
use tollgate_core::stripe::PAGE_OBJECTS_MAX;
use tollgate_core::stripe::checkout_session::SessionList;
use tollgate_core::stripe::customer::Customer;
use tollgate_core::stripe::event::Event;
use tollgate_core::stripe::invoice::OpenInvoices;
use tollgate_core::stripe::product::Product;
use tollgate_core::stripe::signature::{signature_field, verify};
use tollgate_core::stripe::subscription::{Subscription, SubscriptionPage};
use tollgate_core::time::Micros;

/// The time at which the seeds were signed, in Unix seconds.
const SIGNED_AT_S: u64 = 1_800_000_000;
/// The secret with which the seeds were signed.
const SECRET: &[u8] = b"whsec_seed";

/// Checks a Stripe-Signature field, a line feed, and a body: a valid signature is valid for this secret and
/// this body only, and within the tolerance only.
pub fn signature(bytes: &[u8]) -> bool {
    let (field, body) = split_line(bytes);
    let headers = HeaderMap::from_fields([(&b"stripe-signature"[..], field)]);
    let Ok(field) = signature_field(&headers) else { return false };
    let check = |body: &[u8], secret: &[u8], now_s| {
        verify(field, body, [secret], Micros::from_secs(now_s), Duration::from_secs(300))
    };
    let Ok(signed_at) = check(body, SECRET, SIGNED_AT_S) else { return false };
    assert!(signed_at.as_secs().abs_diff(SIGNED_AT_S) <= 300);
    assert!(check(body, b"whsec_other", SIGNED_AT_S).is_err(), "signed with another secret");
    assert!(check(body, b"", SIGNED_AT_S).is_err(), "the empty secret is never valid");
    assert!(check(&[body, b" "].concat(), SECRET, SIGNED_AT_S).is_err(), "another body");
    assert!(check(body, SECRET, signed_at.as_secs() + 301).is_err(), "too late");
    true
}

/// Checks an event's body: an accepted one has an id of Stripe's format.
pub fn event(bytes: &[u8]) -> bool {
    let Ok(event) = Event::parse(bytes) else { return false };
    let id = event.id.as_str();
    assert!(id.starts_with("evt_") && is_id(id), "{id}");
    if let Some(extended) = with_unrepresentable_member(bytes) {
        assert_eq!(Event::parse(&extended), Ok(event));
    }
    true
}

/// Checks a response of Stripe's API, parsed as each of the objects and lists that Tollgate requests.
pub fn page(bytes: &[u8]) -> bool {
    let page = SubscriptionPage::parse(bytes);
    if let Ok(page) = &page {
        assert!(page.subscriptions.len() <= PAGE_OBJECTS_MAX);
        page.subscriptions.iter().for_each(check_subscription);
    }
    if let (Ok(page), Some(extended)) = (&page, with_unrepresentable_member(bytes)) {
        assert_eq!(SubscriptionPage::parse(&extended).as_ref(), Ok(page));
    }
    let subscription = Subscription::parse(bytes);
    subscription.iter().for_each(check_subscription);
    let sessions = SessionList::parse(bytes);
    assert!(sessions.as_ref().map_or(true, |list| list.sessions.len() <= PAGE_OBJECTS_MAX));
    let others =
        [Customer::parse(bytes).is_ok(), OpenInvoices::parse(bytes).is_ok(), Product::parse(bytes).is_ok()];
    page.is_ok() || subscription.is_ok() || sessions.is_ok() || others.contains(&true)
}

fn check_subscription(subscription: &Subscription) {
    assert!(is_id(subscription.id.as_str()) && is_chosen_id(subscription.customer.as_str()));
    let _ = subscription.current_period_end_s();
}

/// Returns whether an id that the merchant chose is one path segment when it is escaped, and fits in a log
/// line.
fn is_chosen_id(id: &str) -> bool {
    let printable = id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    printable && id.len() <= 255 && !id.contains(['/', '?', '#', '%', '\\']) && !matches!(id, "" | "." | "..")
}

/// Returns whether an id is safe in a path and in a header field.
fn is_id(id: &str) -> bool {
    id.len() <= 255 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
