//! Stripe's representation of subscription schedules.

use serde_json::{Value, json};

use super::super::model::{SchedulePhase, SubscriptionSchedule};
use super::super::objects::Objects;

impl Objects<'_> {
    /// Returns a subscription schedule.
    pub(in super::super) fn schedule(&self, schedule: &SubscriptionSchedule) -> Value {
        let current = schedule.current_phase(self.account.now).map(|index| &schedule.phases[index]);
        json!({
            "id": schedule.id,
            "object": "subscription_schedule",
            "application": null,
            "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
            "canceled_at": null,
            "completed_at": schedule.completed_at,
            "created": schedule.created,
            "current_phase": current.map(|phase| json!({"end_date": phase.end, "start_date": phase.start})),
            "customer": schedule.customer,
            "customer_account": null,
            "default_settings": {
                "billing_cycle_anchor": "automatic",
                "collection_method": "charge_automatically",
                "default_payment_method": null,
                "invoice_settings": {"account_tax_ids": null, "days_until_due": null, "issuer": {"type": "self"}},
            },
            "end_behavior": schedule.end_behavior,
            "livemode": self.livemode,
            "metadata": schedule.metadata,
            "phases": schedule.phases.iter().map(phase).collect::<Vec<_>>(),
            "released_at": schedule.released_at,
            "released_subscription": schedule.released_subscription,
            "status": schedule.status,
            "subscription": schedule.subscription,
            "test_clock": null,
        })
    }
}

fn phase(phase: &SchedulePhase) -> Value {
    let item = |item: &super::PhaseItem| {
        json!({
            "billing_thresholds": null,
            "discounts": [],
            "metadata": {},
            "plan": item.price,
            "price": item.price,
            "quantity": item.quantity,
            "tax_rates": [],
        })
    };
    json!({
        "add_invoice_items": [],
        "billing_cycle_anchor": null,
        "collection_method": null,
        "currency": "usd",
        "description": null,
        "discounts": [],
        "end_date": phase.end,
        "invoice_settings": null,
        "items": phase.items.iter().map(item).collect::<Vec<_>>(),
        "metadata": phase.metadata,
        "proration_behavior": phase.proration_behavior,
        "start_date": phase.start,
        "trial_end": null,
    })
}
