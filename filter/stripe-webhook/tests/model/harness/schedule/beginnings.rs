//! How a schedule begins, apart from an empty Stripe.

use super::Schedule;
use crate::harness::changes::{FILLER_CUSTOMER, FILLER_SUBSCRIPTION, SUBJECTS};
use crate::harness::clerk::LISTED_CUSTOMERS_MAX;
use crate::harness::stripe::{FakeMetadata, Presence};
use serde_json::{Map, Value, json};

impl Schedule {
    pub(super) fn begin_with_a_customer_that_left(&mut self) -> Result<(), String> {
        let stripe = &mut self.world.stripe;
        stripe.add_customer("cus_0", &[("clerk_user_id", SUBJECTS[0])]);
        stripe.add_subscription("sub_0", "cus_0", "price_pro", &[]);
        self.noted();
        self.come_to_rest()?;
        self.world.stripe.set_status("sub_0", "canceled");
        self.noted();
        self.come_to_rest()
    }

    /// A plan that is paid for by a customer that is not on the list.
    pub(super) fn begin_with_an_emptied_list(&mut self) -> Result<(), String> {
        self.world.stripe.add_customer("cus_0", &[("clerk_user_id", SUBJECTS[0])]);
        self.world.stripe.add_subscription("sub_0", "cus_0", "price_ent", &[]);
        self.noted();
        self.come_to_rest()?;
        self.world.clerk.empty_list(SUBJECTS[0]);
        self.noted();
        Ok(())
    }

    /// As many customers as are listed, each with a live subscription that gives nothing.
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
        self.history.note(&self.world);
    }

    /// Where a list was incomplete, what is not on it is found by an event of its customer.
    pub(super) fn touch_all(&mut self) -> Result<(), String> {
        let present = self.world.stripe.customers.iter().filter(|(_, c)| c.presence == Presence::Present);
        let ids: Vec<String> = present.map(|(id, _)| id.clone()).collect();
        for id in ids {
            let touch = |metadata: &mut FakeMetadata| drop(metadata.insert("touched".into(), "yes".into()));
            self.world.stripe.change_customer(&id, touch);
        }
        self.noted();
        self.come_to_rest()
    }
}
