//! Values per thread.

use std::cell::RefCell;
use std::thread::LocalKey;

/// Changes a value of this thread. Returns `None` if the thread is ending, or if the value is being changed
/// already.
pub(crate) fn change<S, T>(
    state: &'static LocalKey<RefCell<S>>,
    change: impl FnOnce(&mut S) -> T,
) -> Option<T> {
    state.try_with(|state| state.try_borrow_mut().ok().map(|mut state| change(&mut state))).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static VALUE: RefCell<u32> = const { RefCell::new(1) };
    }

    #[test]
    fn a_value_that_is_being_changed_is_not_changed_by_another() {
        let nested = change(&VALUE, |value| {
            *value += 1;
            change(&VALUE, |value| *value += 10)
        });
        assert_eq!(nested, Some(None));
        assert_eq!(change(&VALUE, |value| *value), Some(2));
    }
}
