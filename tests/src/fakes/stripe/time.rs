//! Applies the passing of time to sessions, subscriptions, and schedules.

use super::account::Account;
use super::model::{Card, Customer, Session, Subscription, SubscriptionSchedule};

/// The maximum number of changes in one step of a test.
const STEPS_MAX: usize = 10_000;

/// A change that is due at a time. Of several changes at the same time, the first in this list happens first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    ExpireSession(String),
    ExpireUpdate(String),
    EndSubscription(String),
    EndPhase(String),
    EndTrial(String),
    Renew(String),
}

impl Account {
    /// Advances the time to `to` (Unix seconds), and makes the changes that are due until then.
    pub(super) fn advance(&mut self, to: i64) {
        for _ in 0..STEPS_MAX {
            let Some((at, due)) = self.next_due().filter(|(at, _)| *at <= to) else {
                self.now = self.now.max(to);
                return;
            };
            self.now = self.now.max(at);
            self.perform(due);
        }
        panic!("more than {STEPS_MAX} changes are due until {to}");
    }

    fn next_due(&self) -> Option<(i64, Due)> {
        let sessions = self.newest_first(|session: &Session| session.status == "open");
        let expiries = sessions.into_iter().map(|s| (s.expires_at, Due::ExpireSession(s.id.clone())));
        let is_live = |s: &Subscription| s.ended_at.is_none();
        let subscriptions = self.newest_first(is_live).into_iter().flat_map(|s| {
            let id = || s.id.clone();
            let period_end = s.items.iter().map(|item| item.current_period_end).min();
            [
                s.pending_update.as_ref().map(|update| (update.expires_at, Due::ExpireUpdate(id()))),
                s.cancel_at.map(|at| (at, Due::EndSubscription(id()))),
                s.trial_end.filter(|_| s.status == "trialing").map(|at| (at, Due::EndTrial(id()))),
                period_end
                    .filter(|_| matches!(s.status.as_str(), "active" | "past_due"))
                    .map(|at| (at, Due::Renew(id()))),
            ]
        });
        let is_active = |schedule: &SubscriptionSchedule| schedule.status == "active";
        let schedules = self.newest_first(is_active);
        let phases = schedules.into_iter().filter_map(|schedule| {
            // Phases that have ended were left, so the first end after `entered` is that of the current
            // phase.
            let end = schedule.phases.iter().map(|phase| phase.end).find(|end| *end > schedule.entered)?;
            Some((end, Due::EndPhase(schedule.id.clone())))
        });
        expiries.chain(subscriptions.flatten()).chain(phases).min()
    }

    fn perform(&mut self, due: Due) {
        match due {
            Due::ExpireSession(id) => self.expire(&id),
            Due::ExpireUpdate(id) => {
                let before = self.shown(&id);
                self.drop_pending_update(&id);
                self.emit_since("customer.subscription.updated", &id, &before);
                self.emit("customer.subscription.pending_update_expired", &id);
            }
            Due::EndSubscription(id) => self.end(&id),
            Due::EndPhase(id) => {
                let now = self.now;
                self.schedule(&id).entered = now;
                self.end_phase(&id);
            }
            Due::EndTrial(id) => self.end_trial(&id),
            Due::Renew(id) => self.renew(&id),
        }
    }

    fn renew(&mut self, id: &str) {
        let before = self.shown(id);
        self.start_period(id, "subscription_cycle");
        self.emit_since("customer.subscription.updated", id, &before);
    }

    fn end_trial(&mut self, id: &str) {
        let subscription = self.subscription(id).clone();
        let customer: &Customer = self.find(&subscription.customer).expect("the customer exists");
        match subscription.missing_payment_method.as_deref() {
            Some("cancel") if customer.card == Card::Missing => self.end(id),
            Some("pause") if customer.card == Card::Missing => {
                let pause = |s: &mut Subscription| "paused".clone_into(&mut s.status);
                self.emit_change("customer.subscription.updated", id, pause);
                self.emit("customer.subscription.paused", id);
            }
            _ => self.renew(id),
        }
    }
}
