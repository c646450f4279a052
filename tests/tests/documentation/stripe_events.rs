//! The page about the webhook: it lists the events that an endpoint at Stripe should get, and no other.

use std::collections::BTreeSet;
use tollgate_core::stripe::event::ENDPOINT_EVENTS;
use tollgate_tests::install::workspace;

/// Stripe's API takes exact names, or `*` for all events: `customer.subscription.*` is refused.
#[test]
fn the_webhooks_page_lists_the_exact_events_to_select() {
    let page = workspace::text("docs/webhook.md");
    let (_, section) = page.split_once("## In Stripe\n").expect("the section");
    let lines = section.lines().skip_while(|line| !line.starts_with("- `"));
    let list: String = lines.take_while(|line| !line.is_empty()).collect();
    let listed: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let unique: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(listed.len(), unique.len(), "an event twice: {listed:?}");
    assert_eq!(unique, ENDPOINT_EVENTS.into_iter().collect());
}
