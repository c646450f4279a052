//! Tests that the command makes Clerk agree with Stripe: after a sync of all subjects, whichever events were
//! lost, Clerk agrees with Stripe, and a second sync writes nothing.

use crate::harness::{Model, SUBJECTS, Stripe, changes, final_state, signed};
use tollgate_core::backfill::Intent;
use tollgate_fixtures::Random;

const HISTORIES: u64 = 1_500;
const THREADS: u64 = 4;

/// Runs a history in which most events are lost, and checks the state at its end.
fn run(seed: u64) -> Result<(), String> {
    let mut random = Random::from_seed(seed);
    let mut model = Model::new();
    SUBJECTS.iter().for_each(|subject| model.world.clerk.add(subject));
    let subjects = &SUBJECTS[..1 + random.below(SUBJECTS.len())];
    let delivered_percent = random.pick(&[0, 20, 60]);
    for _ in 0..3 + random.below(10) {
        let first = model.world.stripe.events.len();
        changes::change(&mut model.world.stripe, &mut random, subjects, true, |_| true);
        for event in first..model.world.stripe.events.len() {
            if random.percent(delivered_percent) {
                let body = model.world.stripe.events[event].body.clone();
                model.send(&signed(&body, model.world.now.as_secs()));
            }
        }
    }
    check_dry_run(&mut model)?;
    sync_all(&mut model)?;
    final_state::check(&model.world)?;
    let before = model.written();
    sync_all(&mut model)?;
    match model.written().get(before.len()..) {
        None | Some([]) => Ok(()),
        Some(more) => Err(format!("a second sync wrote {more:#?} after {before:#?}")),
    }
}

fn check_dry_run(model: &mut Model) -> Result<(), String> {
    let before = model.written().len();
    model.sync_all(Intent::DryRun).map_err(|failure| failure.detail)?;
    if model.written().len() == before { Ok(()) } else { Err("a dry run wrote something".to_owned()) }
}

fn sync_all(model: &mut Model) -> Result<(), String> {
    for conclusion in model.sync_all(Intent::Apply).map_err(|failure| failure.detail)? {
        if let Some(failure) = conclusion.failure {
            return Err(failure.detail);
        }
    }
    Ok(())
}

#[test]
fn after_all_subjects_are_reconciled_clerk_agrees_with_stripe() {
    let failed = std::thread::scope(|scope| {
        let first = |thread| {
            (thread..HISTORIES).step_by(THREADS as usize).find_map(|seed| Some((seed, run(seed).err()?)))
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || first(thread))).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).min()
    });
    assert_eq!(failed, None, "the seed and the reason");
}

#[test]
fn random_histories_differ_and_contain_subscriptions() {
    let subscription_count = |seed| {
        let mut random = Random::from_seed(seed);
        let mut stripe = Stripe::new(0);
        (0..8).for_each(|_| changes::change(&mut stripe, &mut random, &SUBJECTS, true, |_| true));
        stripe.subscriptions.len()
    };
    let counts: std::collections::BTreeSet<usize> = (0..50).map(subscription_count).collect();
    assert!(counts.len() > 2, "{counts:?}");
}
