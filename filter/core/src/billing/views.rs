//! A cache of subscription views that were read recently, so that a page that is loaded often sends no
//! request to Stripe.

use super::view::SubscriptionView;
use crate::ids::Subject;
use crate::sorted::SortedMap;
use crate::time::Micros;
use std::cell::RefCell;
use std::time::Duration;

/// The duration for which a view is used.
const FRESH_FOR: Duration = Duration::from_secs(30);

/// The maximum number of views. A full cache is emptied, and later requests read the subscription again.
const VIEWS_MAX: usize = 1_024;

/// The views of one worker thread.
#[derive(Debug, Default)]
pub(super) struct ViewCache(RefCell<SortedMap<Subject, CachedView>>);

/// A view, and the time at which its reads began.
#[derive(Clone, Debug)]
pub(super) struct CachedView {
    pub(super) read_at: Micros,
    pub(super) view: SubscriptionView,
}

impl ViewCache {
    /// Returns the subject's view if it is fresh.
    pub(super) fn get(&self, subject: &Subject, now: Micros) -> Option<CachedView> {
        let views = self.0.try_borrow().ok()?;
        views.get(subject).filter(|cached| cached.read_at.is_within(FRESH_FOR, now)).cloned()
    }

    /// Inserts a view whose reads began at `read_at`.
    pub(super) fn insert(&self, subject: &Subject, read_at: Micros, view: SubscriptionView) {
        if let Ok(mut views) = self.0.try_borrow_mut() {
            if views.len() >= VIEWS_MAX {
                views.clear();
            }
            views.insert(subject.clone(), CachedView { read_at, view });
        }
    }

    /// Removes the subject's view, because an action has changed the subscription.
    pub(super) fn remove(&self, subject: &Subject) {
        if let Ok(mut views) = self.0.try_borrow_mut() {
            views.remove(subject);
        }
    }
}
