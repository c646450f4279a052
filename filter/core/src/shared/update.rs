//! One change of a shared value, exactly once or not at all: load, change, and swap; repeated if another
//! worker has changed the value in between.
//!
//! ```text
//! Load ──▶ change ──nothing to write──▶ Done
//!  ▲         │
//!  │       Swap ──stored──▶ Done
//!  │         │
//!  └──lost───┴──lost too often──▶ GaveUp
//! ```
//!
//! Each try computes the change from the value that it has loaded, so no decision depends on an outdated
//! value.

use crate::machine::{Action, Input};

/// A change of one shared value in progress. `T` is the result of the change if it is stored.
#[derive(Debug)]
pub(crate) struct SharedUpdate<T> {
    key: String,
    /// The number of loads that are left.
    tries_left: u32,
    /// The result of the swap in progress if it succeeds.
    swapping: Option<T>,
}

/// The change of a loaded value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change<T> {
    /// The value is not changed.
    Keep(T),
    /// The value is replaced by these bytes.
    Write(Vec<u8>, T),
}

/// The result of a step of a [`SharedUpdate`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UpdateProgress<T> {
    /// The host must perform this action.
    Continue(Action),
    /// The change is stored, or there was nothing to store.
    Done(T),
    /// All swaps were lost to other workers, and the change is not stored. Has the result of the last try.
    GaveUp(T),
}

impl<T> SharedUpdate<T> {
    /// Starts to change the value of a key, with at most `tries_max` tries and at least one. Also returns the
    /// first action.
    pub(crate) fn begin(key: String, tries_max: u32) -> (Self, Action) {
        let action = Action::Load { key: key.clone() };
        (SharedUpdate { key, tries_left: tries_max.saturating_sub(1), swapping: None }, action)
    }

    /// Continues with an input. `change` is called with each loaded value; `None` if there is no value.
    ///
    /// An unexpected input changes nothing.
    pub(crate) fn handle(
        &mut self,
        input: &Input<'_>,
        change: impl FnOnce(Option<&[u8]>) -> Change<T>,
    ) -> UpdateProgress<T> {
        match (input, self.swapping.take()) {
            (Input::Loaded { value, version }, None) => match change(*value) {
                Change::Keep(result) => UpdateProgress::Done(result),
                Change::Write(value, result) => {
                    self.swapping = Some(result);
                    let key = self.key.clone();
                    UpdateProgress::Continue(Action::Swap { key, value, version: *version })
                }
            },
            (Input::Swapped { stored: true }, Some(result)) => UpdateProgress::Done(result),
            (Input::Swapped { stored: false }, Some(result)) => self.try_again(result),
            (_, swapping) => {
                self.swapping = swapping;
                UpdateProgress::Continue(Action::Wait)
            }
        }
    }

    fn try_again(&mut self, result: T) -> UpdateProgress<T> {
        let Some(tries_left) = self.tries_left.checked_sub(1) else { return UpdateProgress::GaveUp(result) };
        self.tries_left = tries_left;
        UpdateProgress::Continue(Action::Load { key: self.key.clone() })
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::machine::Version;
    use proptest::prelude::*;

    const TRIES_MAX: u32 = 3;

    /// The value in shared data that all workers change, and its version.
    #[derive(Default)]
    struct SharedValue {
        value: Option<Vec<u8>>,
        version: u32,
    }

    /// A worker that appends its own letter a number of times.
    struct UpdatingWorker {
        letter: u8,
        changes_left: u32,
        update: Option<(SharedUpdate<()>, Action)>,
        done: usize,
        gave_up: usize,
    }

    impl UpdatingWorker {
        fn new(letter: u8, changes: u32) -> Self {
            UpdatingWorker { letter, changes_left: changes, update: None, done: 0, gave_up: 0 }
        }

        /// Performs one action. Returns false once all changes have ended.
        fn step(&mut self, shared: &mut SharedValue) -> bool {
            let (mut update, action) = match self.update.take() {
                Some(update) => update,
                None if self.changes_left == 0 => return false,
                None => {
                    self.changes_left -= 1;
                    SharedUpdate::begin("key".to_owned(), TRIES_MAX)
                }
            };
            let letter = self.letter;
            let append = |value: Option<&[u8]>| {
                let mut value = value.unwrap_or_default().to_vec();
                value.push(letter);
                Change::Write(value, ())
            };
            let progress = match action {
                Action::Load { .. } => {
                    let (value, version) = (shared.value.as_deref(), Version(shared.version));
                    update.handle(&Input::Loaded { value, version }, append)
                }
                Action::Swap { value, version, .. } => {
                    let stored = version.0 == shared.version;
                    if stored {
                        *shared = SharedValue { value: Some(value), version: shared.version + 1 };
                    }
                    update.handle(&Input::Swapped { stored }, append)
                }
                other => panic!("{other:?}"),
            };
            match progress {
                UpdateProgress::Continue(action) => self.update = Some((update, action)),
                UpdateProgress::Done(()) => self.done += 1,
                UpdateProgress::GaveUp(()) => self.gave_up += 1,
            }
            true
        }
    }

    proptest! {
        #[test]
        fn each_change_is_stored_once_or_given_up_for_any_interleaving(
            changes in prop::collection::vec(0_u32..12, 1..6),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..300),
        ) {
            let mut shared = SharedValue::default();
            let mut workers: Vec<UpdatingWorker> =
                (b'a'..).zip(&changes).map(|(letter, changes)| UpdatingWorker::new(letter, *changes)).collect();
            for turn in order {
                turn.get_mut(&mut workers).step(&mut shared);
            }
            // If the order ends first, the workers continue in lockstep, where all but one lose each swap.
            while workers.iter_mut().filter_map(|worker| worker.step(&mut shared).then_some(())).count() > 0 {}
            let stored = shared.value.unwrap_or_default();
            for (worker, changes) in workers.iter().zip(changes) {
                prop_assert_eq!(worker.done + worker.gave_up, usize::try_from(changes).unwrap());
                prop_assert_eq!(stored.iter().filter(|letter| **letter == worker.letter).count(), worker.done);
            }
            prop_assert_eq!(stored.len(), usize::try_from(shared.version).unwrap());
        }
    }

    fn loaded(value: Option<&[u8]>) -> Input<'_> {
        Input::Loaded { value, version: Version(1) }
    }

    #[test]
    fn it_gives_up_after_the_last_lost_swap_and_returns_its_result() {
        let (mut update, mut action) = SharedUpdate::begin("key".to_owned(), TRIES_MAX);
        for tries in 1..=TRIES_MAX {
            assert_eq!(action, Action::Load { key: "key".to_owned() });
            let swap = update.handle(&loaded(None), |_| Change::Write(vec![7], tries));
            assert!(matches!(swap, UpdateProgress::Continue(Action::Swap { .. })), "{swap:?}");
            action = match update.handle(&Input::Swapped { stored: false }, |_| Change::Keep(0)) {
                UpdateProgress::Continue(action) => action,
                end => return assert_eq!((end, tries), (UpdateProgress::GaveUp(TRIES_MAX), TRIES_MAX)),
            };
        }
        panic!("it never gave up");
    }

    #[test]
    fn an_unchanged_value_is_not_written() {
        let (mut update, _) = SharedUpdate::begin("key".to_owned(), TRIES_MAX);
        let progress =
            update.handle(&loaded(Some(b"as it is")), |value| Change::Keep(value.map(<[u8]>::len)));
        assert_eq!(progress, UpdateProgress::Done(Some(8)));
    }

    #[test]
    fn an_unexpected_input_changes_nothing() {
        let (mut update, _) = SharedUpdate::begin("key".to_owned(), TRIES_MAX);
        let wait = || UpdateProgress::Continue(Action::Wait);
        let not_called = || -> Change<()> { panic!("nothing was loaded") };
        assert_eq!(update.handle(&Input::Swapped { stored: true }, |_| not_called()), wait());
        assert_eq!(update.handle(&Input::InquiryEnded, |_| not_called()), wait());
        let _swap = update.handle(&loaded(None), |_| Change::Write(vec![7], ()));
        assert_eq!(update.handle(&loaded(None), |_| not_called()), wait());
        assert_eq!(
            update.handle(&Input::Swapped { stored: true }, |_| not_called()),
            UpdateProgress::Done(())
        );
    }
}
