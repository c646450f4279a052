//! States other than an empty Stripe with which a schedule begins.

use super::Schedule;
use crate::harness::changes::{FILLER_CUSTOMER, FILLER_SUBSCRIPTION, SUBJECTS};
use crate::harness::clerk::LISTED_CUSTOMERS_MAX;
use crate::harness::stripe::{FakeMetadata, Presence};
use serde_json::{Map, Value, json};

impl Schedule {
    /// Begins with a listed customer whose subscription has ended.
    pub(super) fn begin_with_an_ended_customer(&mut self) -> Result<(), String> {
        let stripe = &mut self.world.stripe;
        stripe.add_customer("cus_0", &[("clerk_user_id", SUBJECTS[0])]);
        stripe.add_subscription("sub_0", "cus_0", "price_pro", &[]);
        self.observe_changes();
        self.finish_all()?;
        self.world.stripe.set_status("sub_0", "canceled");
        self.observe_changes();
        self.finish_all()
    }

    /// Begins with a plan that a customer pays for who is not on the list.
    pub(super) fn begin_with_an_emptied_list(&mut self) -> Result<(), String> {
        self.world.stripe.add_customer("cus_0", &[("clerk_user_id", SUBJECTS[0])]);
        self.world.stripe.add_subscription("sub_0", "cus_0", "price_ent", &[]);
        self.observe_changes();
        self.finish_all()?;
        self.world.clerk.empty_list(SUBJECTS[0]);
        self.observe_changes();
        Ok(())
    }

    /// Begins with as many customers as are listed, each with a live subscription to the free plan.
    pub(super) fn begin_with_a_full_list(&mut self) {
        let mut listed = Map::new();
        for n in 0..LISTED_CUSTOMERS_MAX {
            let (customer, subscription) =
                (format!("{FILLER_CUSTOMER}{n:02}"), format!("{FILLER_SUBSCRIPTION}{n:02}"));
            self.world.stripe.add_customer(&customer, &[("clerk_user_id", SUBJECTS[0])]);
            self.world.stripe.add_subscription(&subscription, &customer, "price_free", &[]);
            listed.insert(customer, Value::Bool(true));
        }
        let private = json!({"stripe_customers": listed});
        self.world.clerk.add_with(SUBJECTS[0], json!({"plan": "free"}), private);
        self.events_known = self.world.stripe.events.len();
        self.history.record(&self.world);
    }

    /// Changes all customers: one that an incomplete list lacks is found by its own event.
    pub(super) fn change_all_customers(&mut self) -> Result<(), String> {
        let present = self.world.stripe.customers.iter().filter(|(_, c)| c.presence == Presence::Present);
        let ids: Vec<String> = present.map(|(id, _)| id.clone()).collect();
        for id in ids {
            let touch = |metadata: &mut FakeMetadata| drop(metadata.insert("touched".into(), "yes".into()));
            self.world.stripe.change_customer(&id, touch);
        }
        self.observe_changes();
        self.finish_all()
    }
}
