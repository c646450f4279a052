//! Convergence of the command: whichever events were lost, once it has reconciled everyone, Clerk shows what
//! Stripe says, and a second run writes nothing.

use crate::harness::{Model, SUBJECTS, Stripe, changes, final_state, signed};
use tollgate_core::backfill::Intent;
use tollgate_fixtures::Random;

const HISTORIES: u64 = 1_500;
const THREADS: u64 = 4;

/// A history in which most events get lost, and what must hold at its end.
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
    rehearses(&mut model)?;
    bring_in_line(&mut model)?;
    final_state::check(&model.world)?;
    let before = model.written();
    bring_in_line(&mut model)?;
    match model.written().get(before.len()..) {
        None | Some([]) => Ok(()),
        Some(more) => Err(format!("after {before:#?} came {more:#?} though nothing differed")),
    }
}

fn rehearses(model: &mut Model) -> Result<(), String> {
    let before = model.written().len();
    model.sync_all(Intent::Rehearse).map_err(|failure| failure.detail)?;
    if model.written().len() == before { Ok(()) } else { Err("a rehearsal wrote something".to_owned()) }
}

fn bring_in_line(model: &mut Model) -> Result<(), String> {
    for conclusion in model.sync_all(Intent::Apply).map_err(|failure| failure.detail)? {
        if let Some(failure) = conclusion.failure {
            return Err(failure.detail);
        }
    }
    Ok(())
}

#[test]
fn once_everyone_is_reconciled_clerk_agrees_with_stripe() {
    let failed = std::thread::scope(|scope| {
        let first = |thread| {
            (thread..HISTORIES).step_by(THREADS as usize).find_map(|seed| Some((seed, run(seed).err()?)))
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || first(thread))).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).min()
    });
    assert_eq!(failed, None, "seed and why");
}

#[test]
fn histories_differ_and_leave_something_to_do() {
    let left = |seed| {
        let mut random = Random::from_seed(seed);
        let mut stripe = Stripe::new(0);
        (0..8).for_each(|_| changes::change(&mut stripe, &mut random, &SUBJECTS, true, |_| true));
        stripe.subscriptions.len()
    };
    let counts: std::collections::BTreeSet<usize> = (0..50).map(left).collect();
    assert!(counts.len() > 2, "{counts:?}");
}
