//! Each action, with a failure at each of its callouts, then sent again: the end is as if nothing had failed.

use crate::harness::actions::{self, BillingAction, end};
use crate::harness::{Fate, Response, Shop, ShopState, check_invariants};
use std::time::Duration;

/// The failures.
const FATES: [Fate; 3] = [Fate::ResponseLost, Fate::RequestLost, Fate::FailedAfterWork];

/// Takes an action without a failure. Returns the number of its callouts and the state at the end.
fn without_failure(action: &BillingAction) -> (usize, ShopState) {
    let mut shop = action.shop();
    let mut callouts = 0;
    let running = shop.begin(0, action.path, Some(&action.body));
    let (status, answer) = shop.run(running, |index| {
        callouts = index + 1;
        Fate::Responded
    });
    assert_eq!(status, 200, "{action:?}: {answer}\n{}", shop.trace());
    (callouts, end(&mut shop, &answer))
}

/// Takes an action with a failure of one callout, and again at another gateway.
fn with_failure(action: &BillingAction, fails_at: usize, fate: Fate) -> (Shop, [Response; 2], ShopState) {
    let mut shop = action.shop();
    let running = shop.begin(0, action.path, Some(&action.body));
    let first = shop.run(running, |index| if index == fails_at { fate } else { Fate::Responded });
    shop.pass(repeated_after(fate));
    let running = shop.begin(2, action.path, Some(&action.body));
    let second = shop.run(running, |_| Fate::Responded);
    let answer = if second.0 == 200 { &second.1 } else { &first.1 };
    let state = end(&mut shop, answer);
    (shop, [first, second], state)
}

/// Returns the time until an action is repeated. If Stripe says that it has failed although it has not, only
/// Stripe's search shows the customer that was made, and only after a minute.
fn repeated_after(fate: Fate) -> Duration {
    Duration::from_secs(if fate == Fate::FailedAfterWork { 61 } else { 1 })
}

fn check(actions: Vec<BillingAction>) {
    for action in actions {
        let (callouts, want) = without_failure(&action);
        for fate in FATES {
            for fails_at in 0..callouts {
                let (shop, [first, second], state) = with_failure(&action, fails_at, fate);
                let wrong = match check_invariants(&shop) {
                    _ if second.0 >= 500 => "the repetition fails".to_owned(),
                    Err(why) => why,
                    Ok(()) if state != want => format!("{state:#?}\ninstead of {want:#?}"),
                    Ok(()) => continue,
                };
                let trace = shop.trace();
                panic!(
                    "{trace}\n{action:?}: {fate:?} at {fails_at}, responses {first:?} {second:?}: {wrong}"
                );
            }
        }
    }
}

#[test]
fn a_failed_checkout_is_completed_by_its_repetition() {
    check(actions::checkouts());
}

#[test]
fn a_failed_purchase_is_completed_by_its_repetition() {
    check(actions::purchases());
}

#[test]
fn a_failed_cancellation_is_completed_by_its_repetition() {
    check(actions::cancellations());
}

#[test]
fn a_failed_resume_is_completed_by_its_repetition() {
    check(actions::resumes());
}

#[test]
fn a_failed_upgrade_is_completed_by_its_repetition() {
    check(actions::upgrades());
}

#[test]
fn a_failed_downgrade_is_completed_by_its_repetition() {
    check(actions::downgrades());
}

#[test]
fn a_failed_read_is_completed_by_its_repetition() {
    check(actions::reads());
}
