//! Changing the phases of a schedule: <https://docs.stripe.com/api/subscription_schedules/update>.

use serde_json::Value;

use super::super::calendar::period_end;
use super::super::endpoints::Call;
use super::super::error::StripeError;
use super::super::expand;
use super::super::model::{PhaseItem, Price, SchedulePhase, SubscriptionSchedule};

/// The parameters that the fake supports, in API version 2026-10-28.endive: `iterations` was removed from
/// phases in 2025-09-30.clover.
const SUPPORTED: [&str; 14] = [
    "end_behavior",
    "expand[#]",
    "metadata",
    "metadata[*]",
    "phases[#][duration][interval]",
    "phases[#][duration][interval_count]",
    "phases[#][end_date]",
    "phases[#][items][#][price]",
    "phases[#][items][#][quantity]",
    "phases[#][metadata]",
    "phases[#][metadata][*]",
    "phases[#][proration_behavior]",
    "phases[#][start_date]",
    "proration_behavior",
];
/// The parameters that only Stripe supports, not this fake.
const UNSUPPORTED: [&str; 15] = [
    "default_settings",
    "phases[#][add_invoice_items]",
    "phases[#][automatic_tax]",
    "phases[#][billing_cycle_anchor]",
    "phases[#][collection_method]",
    "phases[#][currency]",
    "phases[#][default_payment_method]",
    "phases[#][default_tax_rates]",
    "phases[#][description]",
    "phases[#][discounts]",
    "phases[#][invoice_settings]",
    "phases[#][items][#][metadata]",
    "phases[#][items][#][price_data]",
    "phases[#][trial]",
    "phases[#][trial_end]",
];
const PRORATIONS: [&str; 3] = ["always_invoice", "create_prorations", "none"];
/// The largest quantity.
const QUANTITY_MAX: i64 = 999_999;
/// The maximum number of intervals of a duration.
const INTERVALS_MAX: i64 = 1200;

impl Call<'_> {
    /// Changes a schedule.
    pub(in super::super) fn update_schedule(&mut self, id: &str) -> Result<Value, StripeError> {
        self.parameters.accept(&SUPPORTED, &UNSUPPORTED)?;
        expand::check(&self.parameters.expand(), "subscription_schedule", false)?;
        self.parameters.one_of("proration_behavior", &PRORATIONS)?;
        let end_behavior = self.parameters.one_of("end_behavior", &["cancel", "release"])?;
        let mut changed = self.active_schedule(id, "update")?.clone();
        if let Some(end_behavior) = end_behavior {
            end_behavior.clone_into(&mut changed.end_behavior);
        }
        self.parameters.merge_metadata(&mut changed.metadata)?;
        if self.parameters.has("phases") {
            changed.phases = self.phases(&changed)?;
        }
        let change = |schedule: &mut SubscriptionSchedule| *schedule = changed;
        self.account.emit_change("subscription_schedule.updated", id, change);
        self.changed_object::<SubscriptionSchedule>(id)
    }

    fn phases(&self, of: &SubscriptionSchedule) -> Result<Vec<SchedulePhase>, StripeError> {
        let mut phases: Vec<SchedulePhase> = Vec::new();
        let elements = self.parameters.elements("phases");
        for (index, element) in elements.iter().enumerate() {
            let start = self.phase_start(element, of, phases.last())?;
            let items = self.phase_items(element)?;
            let is_last = index + 1 == elements.len();
            phases.push(SchedulePhase {
                start,
                end: self.phase_end(element, start, &items, is_last)?,
                items,
                proration_behavior: self
                    .parameters
                    .one_of(&format!("{element}[proration_behavior]"), &PRORATIONS)?
                    .unwrap_or("create_prorations")
                    .to_owned(),
                metadata: self.parameters.metadata_of(&format!("{element}[metadata]"))?,
            });
        }
        let current = of.current_phase(self.account.now).map(|index| &of.phases[index]);
        let contains_now =
            |phase: &&SchedulePhase| phase.start <= self.account.now && self.account.now < phase.end;
        match (current, phases.iter().find(contains_now)) {
            (Some(current), Some(phase)) if current.items != phase.items => {
                Err(StripeError::not_faked("other items in the current phase"))
            }
            (_, Some(_)) => Ok(phases),
            (_, None) => {
                let message = "The subscription schedule must keep its current phase.";
                Err(StripeError::invalid_value("phases", message.to_owned()))
            }
        }
    }

    fn phase_start(
        &self,
        element: &str,
        of: &SubscriptionSchedule,
        before: Option<&SchedulePhase>,
    ) -> Result<i64, StripeError> {
        let name = format!("{element}[start_date]");
        let given = self.parameters.integer(&name, 0..=i64::MAX)?;
        let refuse = |message: &str| Err(StripeError::invalid_value(&name, message.to_owned()));
        match (before, given) {
            (Some(before), Some(given)) if given != before.end => {
                refuse("The start date of a phase must be the end date of the phase before it.")
            }
            (Some(before), _) => Ok(before.end),
            (None, Some(given)) if of.phases.iter().any(|phase| phase.start == given) => Ok(given),
            (None, Some(_)) => refuse("You can not modify the start date of the current phase."),
            (None, None) => Err(StripeError::missing_parameter(&name)),
        }
    }

    fn phase_items(&self, element: &str) -> Result<Vec<PhaseItem>, StripeError> {
        let mut items = Vec::new();
        for item in self.parameters.elements(&format!("{element}[items]")) {
            let name = format!("{item}[price]");
            let price = self.find::<Price>(self.parameters.required(&name)?, &name)?;
            if price.recurring.is_none() {
                let message = "This field only accepts prices with `type=recurring`.";
                return Err(StripeError::invalid_value(&name, message.to_owned()));
            }
            let quantity = self.parameters.integer(&format!("{item}[quantity]"), 0..=QUANTITY_MAX)?;
            let quantity = u32::try_from(quantity.unwrap_or(1)).expect("the limit fits");
            items.push(PhaseItem { price: price.id.clone(), quantity });
        }
        if items.is_empty() {
            return Err(StripeError::missing_parameter(&format!("{element}[items]")));
        }
        Ok(items)
    }

    fn phase_end(
        &self,
        element: &str,
        start: i64,
        items: &[PhaseItem],
        is_last: bool,
    ) -> Result<i64, StripeError> {
        let name = |field: &str| format!("{element}{field}");
        let given = self.parameters.integer(&name("[end_date]"), 0..=i64::MAX)?;
        let interval = self
            .parameters
            .one_of(&name("[duration][interval]"), &["day", "week", "month", "year"])?
            .map(str::to_owned);
        let count = self.parameters.integer(&name("[duration][interval_count]"), 1..=INTERVALS_MAX)?;
        match (given, interval) {
            (Some(_), Some(_)) => {
                let message = "You may only specify one of these parameters: duration, end_date.";
                Err(StripeError::invalid_value(&name("[duration]"), message.to_owned()))
            }
            (None, None) if count.is_some() => {
                Err(StripeError::missing_parameter(&name("[duration][interval]")))
            }
            (Some(end), None) if end <= start => {
                let message = "The end date of a phase must be after its start date.";
                Err(StripeError::invalid_value(&name("[end_date]"), message.to_owned()))
            }
            (Some(end), None) => Ok(end),
            (None, Some(interval)) => Ok(period_end(start, &interval, count.unwrap_or(1))),
            // The last phase has one interval of its price unless it says more.
            (None, None) if is_last => {
                let price: &Price = self.account.find(&items[0].price).expect("it was found");
                let recurrence = price.recurring.as_ref().expect("it was checked");
                Ok(period_end(start, &recurrence.interval, recurrence.interval_count))
            }
            (None, None) => Err(StripeError::missing_parameter(&name("[end_date]"))),
        }
    }
}
