//! What Stripe, or somebody in its name, sends.

use crate::{beside_what_cannot_be_held, split_line};
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

/// The time at which the seeds were signed.
const SIGNED_AT_S: u64 = 1_800_000_000;
/// The secret with which the seeds were signed.
const SECRET: &[u8] = b"whsec_seed";

/// The Stripe-Signature field, a line feed, the body: what one secret has signed no other has, and no other body.
pub fn signature(bytes: &[u8]) -> bool {
    let (field, body) = split_line(bytes);
    let headers = HeaderMap::from_fields([(&b"stripe-signature"[..], field)]);
    let Ok(field) = signature_field(&headers) else { return false };
    let check = |body: &[u8], secret: &[u8], now_s| {
        verify(field, body, [secret], Micros::from_secs(now_s), Duration::from_secs(300))
    };
    let Ok(signed_at) = check(body, SECRET, SIGNED_AT_S) else { return false };
    assert!(signed_at.as_secs().abs_diff(SIGNED_AT_S) <= 300);
    assert!(check(body, b"whsec_other", SIGNED_AT_S).is_err(), "signed by nobody who has that secret");
    assert!(check(body, b"", SIGNED_AT_S).is_err(), "everybody has the empty secret");
    assert!(check(&[body, b" "].concat(), SECRET, SIGNED_AT_S).is_err(), "another body");
    assert!(check(body, SECRET, signed_at.as_secs() + 301).is_err(), "too late");
    true
}

/// An event's body: what is taken names an event of Stripe's form.
pub fn event(bytes: &[u8]) -> bool {
    let Ok(event) = Event::parse(bytes) else { return false };
    let id = event.id.as_str();
    assert!(id.starts_with("evt_") && is_id(id), "{id}");
    if let Some(beside) = beside_what_cannot_be_held(bytes) {
        assert_eq!(Event::parse(&beside), Ok(event));
    }
    true
}

/// An answer of Stripe's API, read as each of the things that are asked for.
pub fn page(bytes: &[u8]) -> bool {
    let page = SubscriptionPage::parse(bytes);
    if let Ok(page) = &page {
        assert!(page.subscriptions.len() <= PAGE_OBJECTS_MAX);
        page.subscriptions.iter().for_each(check_subscription);
    }
    if let (Ok(page), Some(beside)) = (&page, beside_what_cannot_be_held(bytes)) {
        assert_eq!(SubscriptionPage::parse(&beside).as_ref(), Ok(page));
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

/// Whether it is one segment of a path once it is escaped, and one line of a log.
fn is_chosen_id(id: &str) -> bool {
    let printable = id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    printable && id.len() <= 255 && !id.contains(['/', '?', '#', '%', '\\']) && !matches!(id, "" | "." | "..")
}

/// Whether it can stand in a path and in a header field.
fn is_id(id: &str) -> bool {
    id.len() <= 255 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
