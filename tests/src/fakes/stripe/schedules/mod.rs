//! Subscription schedules: <https://docs.stripe.com/api/subscription_schedules>. The fake makes them from a
//! subscription only.

mod shown;
mod update;

use serde_json::Value;

use super::account::Account;
use super::endpoints::Call;
use super::error::StripeError;
use super::expand;
use super::model::{Item, PhaseItem, SchedulePhase, StripeMetadata, Subscription, SubscriptionSchedule};

/// The parameters that cannot be combined with `from_subscription`.
const OTHERS: [&str; 8] = [
    "billing_mode",
    "customer",
    "customer_account",
    "default_settings",
    "end_behavior",
    "metadata",
    "phases",
    "start_date",
];

impl Call<'_> {
    /// Creates a schedule with the current period of a subscription as its only phase.
    pub(super) fn create_schedule(&mut self) -> Result<Value, StripeError> {
        let parameters = &self.parameters;
        if parameters.has("from_subscription")
            && let Some(name) = OTHERS.iter().find(|name| parameters.has(name))
        {
            let message = format!("You cannot set `{name}` if `from_subscription` is set.");
            return Err(StripeError::invalid_value(name, message));
        }
        parameters.accept(&["expand[#]", "from_subscription"], &OTHERS)?;
        expand::check(&parameters.expand(), "subscription_schedule", false)?;
        let id = parameters.required("from_subscription")?;
        let subscription = self.find::<Subscription>(id, "from_subscription")?.clone();
        if let Some(schedule) = subscription.schedule {
            return Err(StripeError::not_allowed(format!(
                "You cannot migrate a subscription that is already attached to a schedule: {schedule}."
            )));
        }
        if subscription.ended_at.is_some() {
            let message = "You cannot migrate a subscription that is canceled.";
            return Err(StripeError::not_allowed(message.to_owned()));
        }
        let id = self.account.new_id("sub_sched");
        let end = subscription.cancel_at.unwrap_or(subscription.period_end());
        self.account.put(SubscriptionSchedule {
            id: id.clone(),
            customer: subscription.customer,
            subscription: Some(subscription.id.clone()),
            status: "active".to_owned(),
            phases: vec![SchedulePhase {
                start: subscription.items.iter().map(|i| i.current_period_start).min().unwrap_or_default(),
                end,
                items: subscription.items.iter().map(PhaseItem::new).collect(),
                proration_behavior: "create_prorations".to_owned(),
                metadata: StripeMetadata::new(),
            }],
            end_behavior: if subscription.cancel_at.is_some() { "cancel" } else { "release" }.to_owned(),
            ..SubscriptionSchedule::default()
        });
        self.account.emit("subscription_schedule.created", &id);
        let set = |s: &mut Subscription| s.schedule = Some(id.clone());
        self.account.emit_change("customer.subscription.updated", &subscription.id, set);
        self.changed_object::<SubscriptionSchedule>(&id)
    }

    /// Releases a schedule: its subscription stays as it is.
    pub(super) fn release_schedule(&mut self, id: &str) -> Result<Value, StripeError> {
        self.parameters.accept(&["expand[#]", "preserve_cancel_date"], &[])?;
        expand::check(&self.parameters.expand(), "subscription_schedule", false)?;
        self.parameters.flag("preserve_cancel_date")?;
        self.active_schedule(id, "release")?;
        self.account.release(id);
        self.changed_object::<SubscriptionSchedule>(id)
    }

    fn active_schedule(&self, id: &str, verb: &str) -> Result<&SubscriptionSchedule, StripeError> {
        let schedule = self.find::<SubscriptionSchedule>(id, "id")?;
        match schedule.status.as_str() {
            "active" => Ok(schedule),
            status => Err(StripeError::not_allowed(format!(
                "You cannot {verb} a subscription schedule that is currently in the `{status}` status. It must be in \
                 one of the following statuses: not_started, active."
            ))),
        }
    }
}

impl PhaseItem {
    fn new(item: &Item) -> Self {
        PhaseItem { price: item.price.clone(), quantity: item.quantity }
    }
}

impl Account {
    pub(super) fn schedule(&mut self, id: &str) -> &mut SubscriptionSchedule {
        self.find_mut(id).unwrap_or_else(|| panic!("Stripe has no {id}"))
    }

    /// Ends a schedule and leaves its subscription as it is.
    pub(super) fn release(&mut self, id: &str) {
        let now = self.now;
        let schedule = self.schedule(id);
        "released".clone_into(&mut schedule.status);
        schedule.released_at = Some(now);
        schedule.released_subscription = schedule.subscription.take();
        let subscription = schedule.released_subscription.clone();
        self.emit("subscription_schedule.released", id);
        if let Some(subscription) = subscription {
            let unset = |s: &mut Subscription| s.schedule = None;
            self.emit_change("customer.subscription.updated", &subscription, unset);
        }
    }

    /// Does what the end of the current phase of a schedule means for its subscription.
    pub(super) fn end_phase(&mut self, id: &str) {
        let schedule = self.schedule(id).clone();
        let Some(subscription) = schedule.subscription.clone() else { return };
        let Some(index) = schedule.current_phase(self.now) else {
            return self.end_schedule(id, &schedule, &subscription);
        };
        let phase = &schedule.phases[index];
        let before = self.shown(&subscription);
        let mut items = self.subscription(&subscription).items.clone();
        let period = items.first().map(Item::period).unwrap_or_default();
        items.truncate(phase.items.len());
        while items.len() < phase.items.len() {
            let mut item = Item { id: self.new_id("si"), ..Item::default() };
            item.set_period(period);
            items.push(item);
        }
        for (item, planned) in items.iter_mut().zip(&phase.items) {
            (item.price, item.quantity) = (planned.price.clone(), planned.quantity);
        }
        let metadata = phase.metadata.clone();
        let target = self.subscription(&subscription);
        target.items = items;
        target.metadata.extend(metadata);
        self.emit_since("customer.subscription.updated", &subscription, &before);
        self.emit("subscription_schedule.updated", id);
    }

    fn end_schedule(&mut self, id: &str, schedule: &SubscriptionSchedule, subscription: &str) {
        if schedule.end_behavior == "release" {
            return self.release(id);
        }
        let now = self.now;
        let ended = self.schedule(id);
        "completed".clone_into(&mut ended.status);
        ended.completed_at = Some(now);
        self.emit("subscription_schedule.completed", id);
        self.end(subscription);
    }
}
