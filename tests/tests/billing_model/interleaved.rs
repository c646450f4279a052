//! Two clicks at once, on two gateways: the second runs while a response to the first is on its way, at each
//! of the first one's callouts. The end is as if there had been one click.

use crate::harness::actions::{self, BillingAction, end};
use crate::harness::{Fate, Response, Shop, ShopState, check_invariants};

/// Runs two clicks. The second one begins and ends after the first one's callout of that number was
/// performed, and before its response arrives. Returns `None` if the first click has fewer callouts.
fn interleaved(
    first: &BillingAction,
    second: &BillingAction,
    number: usize,
) -> Option<(Shop, [Response; 2])> {
    let mut shop = first.shop();
    let running = shop.begin(0, first.path, Some(&first.body));
    for _ in 0..number {
        if shop.in_flight() == 0 {
            shop.response(running)?;
            return None;
        }
        shop.finish_callout(0, Fate::Responded);
    }
    if shop.in_flight() == 0 {
        return None;
    }
    shop.perform(0, Fate::Responded);
    let between = shop.begin(2, second.path, Some(&second.body));
    let response = shop.run(between, |_| Fate::Responded);
    let late = shop.run(running, |_| Fate::Responded);
    Some((shop, [late, response]))
}

fn check_twice(actions: Vec<BillingAction>) {
    for action in actions {
        let mut alone = action.shop();
        let (_, answer) = alone.post(action.path, &action.body);
        let want = end(&mut alone, &answer);
        for number in 0.. {
            let Some((mut shop, [first, second])) = interleaved(&action, &action, number) else { break };
            let answer = if second.0 == 200 { &second.1 } else { &first.1 };
            let state: ShopState = end(&mut shop, answer);
            let wrong = match check_invariants(&shop) {
                // 503 asks the client to repeat it.
                _ if [first.0, second.0].iter().any(|status| *status >= 500 && *status != 503) => {
                    "one fails".to_owned()
                }
                _ if first.0 != 200 && second.0 != 200 => "both are refused".to_owned(),
                Err(why) => why,
                Ok(()) if state != want => format!("{state:#?}\ninstead of {want:#?}"),
                Ok(()) => continue,
            };
            panic!("{}\n{action:?} twice at {number}, responses {first:?} {second:?}: {wrong}", shop.trace());
        }
    }
}

#[test]
fn a_checkout_clicked_twice_is_one() {
    check_twice(actions::checkouts());
}

#[test]
fn a_purchase_clicked_twice_is_one() {
    check_twice(actions::purchases());
}

#[test]
fn a_cancellation_clicked_twice_is_one() {
    check_twice(actions::cancellations());
}

#[test]
fn a_resume_clicked_twice_is_one() {
    check_twice(actions::resumes());
}

#[test]
fn an_upgrade_clicked_twice_is_charged_once() {
    check_twice(actions::upgrades());
}

#[test]
fn a_downgrade_clicked_twice_is_one() {
    check_twice(actions::downgrades());
}
