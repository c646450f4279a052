//! Concurrent deliveries, step by step, in the orders at which a wrong protocol would fail.

use crate::harness::{DeliveryRun, Replica, Stripe, World, changes_something, document, expected, signed};
use serde_json::Value;
use tollgate_driver::memory::SharedData;

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

/// Two replicas without shared data.
struct TwoReplicas {
    world: World,
    replicas: [Replica; 2],
}

/// A delivery on one of them.
struct ReplicaDelivery {
    replica: usize,
    run: DeliveryRun,
}

impl TwoReplicas {
    fn new() -> Self {
        let mut world = World::new();
        world.clerk.add("user_1");
        let document = document(Value::Null);
        let replicas = [(); 2].map(|()| Replica::new(&document, &SharedData::default()));
        TwoReplicas { world, replicas }
    }

    fn stripe(&mut self) -> &mut Stripe {
        &mut self.world.stripe
    }

    /// Delivers the event there, signed so many seconds from now.
    fn begin(&mut self, replica: usize, event: usize, later_s: u64) -> ReplicaDelivery {
        let body = self.world.stripe.events[event].body.clone();
        let request = signed(&body, self.world.now.as_secs() + later_s);
        let run = DeliveryRun::begin(&request, &mut self.replicas[replica], self.world.now);
        ReplicaDelivery { replica, run }
    }

    /// Lets the next callout arrive, and the filter get the response.
    fn step(&mut self, delivery: &mut ReplicaDelivery) {
        if delivery.run.end.is_none() {
            let response = self.world.respond(&delivery.run.in_flight[0].callout);
            delivery.run.in_flight[0].result = Some(response.into());
            delivery.run.end_callout(&mut self.replicas[delivery.replica], self.world.now, 0);
        }
    }

    /// Advances it until it is about to write.
    fn until_write(&mut self, delivery: &mut ReplicaDelivery) {
        while !changes_something(&delivery.run.in_flight[0].callout) {
            self.step(delivery);
        }
    }

    /// Lets its write arrive, and aborts it before it gets the response.
    fn write_and_abort(&mut self, delivery: ReplicaDelivery) {
        let orphans = delivery.run.close(&mut self.replicas[delivery.replica]);
        assert!(!orphans.is_empty());
        orphans.iter().for_each(|callout| drop(self.world.respond(callout)));
    }

    /// Advances it to its end, after which Stripe needs no retry.
    fn finish(&mut self, delivery: &mut ReplicaDelivery) {
        while delivery.run.end.is_none() {
            self.step(delivery);
        }
        assert!(delivery.run.is_success(), "{:?}", delivery.run.end);
    }

    fn deliver(&mut self, replica: usize, event: usize, later_s: u64) -> ReplicaDelivery {
        let mut delivery = self.begin(replica, event, later_s);
        self.finish(&mut delivery);
        delivery
    }

    fn check(&self, why: &str) {
        let wanted = expected::record(&self.world.stripe, "user_1");
        let record = &self.world.clerk.subjects["user_1"];
        assert_eq!(record.plan(), Some(wanted.plan), "{why}: {record:?}");
        let listed = record.customers("stripe_customers");
        assert!(wanted.customers.iter().all(|customer| listed.contains(customer)), "{why}: {record:?}");
        let status = wanted.granting.first().map(|granting| granting.status);
        assert!(status.is_none() || record.status() == status, "{why}: {record:?}");
    }
}

#[test]
fn the_last_of_two_writers_with_different_snapshots_repairs_the_record() {
    // Each delivery writes only the differences to the record that it read: the older one a status, the newer
    // one a plan, or both.
    for (why, price, status) in
        [("another field", "price_ent", "past_due"), ("the same", "price_ent", "trialing")]
    {
        for old_writes_first in [true, false] {
            let mut replicas = TwoReplicas::new();
            replicas.stripe().add_customer("cus_1", &[]);
            let event = replicas.stripe().add_subscription("sub_1", "cus_1", "price_pro", &USER);
            replicas.deliver(0, event, 0);
            let event = replicas.stripe().set_status("sub_1", status).unwrap();
            if status == "past_due" {
                let now_s = replicas.world.now.as_secs();
                replicas.stripe().clock_s = now_s;
                replicas.stripe().fail_payment("sub_1", "subscription_cycle");
            }
            let mut old = replicas.begin(0, event, 0);
            replicas.until_write(&mut old);
            replicas.stripe().set_status("sub_1", "active");
            let event = replicas.stripe().set_price("sub_1", price).unwrap();
            let mut young = replicas.begin(1, event, 0);
            replicas.until_write(&mut young);
            if old_writes_first {
                replicas.finish(&mut old);
                replicas.finish(&mut young);
            } else {
                replicas.finish(&mut young);
                replicas.finish(&mut old);
            }
            replicas.check(&format!("{why}, the old one first: {old_writes_first}"));
        }
    }
}

#[test]
fn a_stale_write_of_a_killed_delivery_is_repaired_by_its_retry() {
    let mut replicas = TwoReplicas::new();
    replicas.stripe().add_customer("cus_1", &[]);
    let created = replicas.stripe().add_subscription("sub_1", "cus_1", "price_pro", &USER);
    let mut stale = replicas.begin(0, created, 0);
    replicas.until_write(&mut stale);
    let ended = replicas.stripe().set_status("sub_1", "canceled").unwrap();
    replicas.deliver(1, ended, 0);
    replicas.deliver(1, created, 0);
    replicas.check("before the stale one writes");
    replicas.write_and_abort(stale);
    assert_eq!(replicas.world.clerk.subjects["user_1"].plan(), Some("pro"), "the stale write took effect");
    // A copy that was signed before the end is not Stripe's retry, and changes nothing.
    let writes = replicas.world.clerk.writes;
    assert!(replicas.deliver(1, created, 0).run.sent.is_empty());
    assert_eq!(replicas.world.clerk.writes, writes);
    // The retry comes where the duplicate is remembered.
    replicas.deliver(1, created, 61);
    replicas.check("after the retry");
}

#[test]
fn two_customers_of_one_user_at_the_same_time_on_two_replicas() {
    for order in 0..1_u32 << 10 {
        let mut replicas = TwoReplicas::new();
        replicas.stripe().add_customer("cus_1", &[]);
        replicas.stripe().add_customer("cus_2", &[]);
        let pro = replicas.stripe().add_subscription("sub_1", "cus_1", "price_pro", &USER);
        let enterprise = replicas.stripe().add_subscription("sub_2", "cus_2", "price_ent", &USER);
        let mut deliveries = [replicas.begin(0, pro, 0), replicas.begin(1, enterprise, 0)];
        for step in 0..10 {
            let turn = usize::from(order >> step & 1 == 1);
            replicas.step(&mut deliveries[turn]);
        }
        deliveries.iter_mut().for_each(|delivery| replicas.finish(delivery));
        replicas.check(&format!("order {order:b}"));
    }
}

/// Returns a delivery about customer 2 that is about to remove customer 1, which had no subscription, from
/// the record. Meanwhile customer 1 has bought another subscription.
fn about_to_remove(replicas: &mut TwoReplicas) -> (usize, ReplicaDelivery) {
    replicas.stripe().add_customer("cus_1", &[]);
    replicas.stripe().add_customer("cus_2", &[]);
    let first = replicas.stripe().add_subscription("sub_1", "cus_1", "price_pro", &USER);
    replicas.deliver(0, first, 0);
    let ended = replicas.stripe().set_status("sub_1", "canceled").unwrap();
    replicas.deliver(0, ended, 0);
    let second = replicas.stripe().add_subscription("sub_2", "cus_2", "price_pro", &USER);
    let mut remover = replicas.begin(0, second, 0);
    replicas.until_write(&mut remover);
    let again = replicas.stripe().add_subscription("sub_3", "cus_1", "price_ent", &USER);
    replicas.deliver(1, again, 0);
    assert_eq!(replicas.world.clerk.subjects["user_1"].plan(), Some("enterprise"), "before it is removed");
    (second, remover)
}

#[test]
fn a_customer_removed_while_it_buys_is_found_by_the_check() {
    let mut replicas = TwoReplicas::new();
    let (_, mut remover) = about_to_remove(&mut replicas);
    replicas.finish(&mut remover);
    replicas.check("after the check");
}

#[test]
fn a_customer_removed_while_it_buys_is_found_if_the_remover_is_aborted() {
    for another_event_first in [false, true] {
        let mut replicas = TwoReplicas::new();
        let (second, remover) = about_to_remove(&mut replicas);
        replicas.write_and_abort(remover);
        let listed = replicas.world.clerk.subjects["user_1"].customers("stripe_customers");
        assert!(!listed.contains(&"cus_1"), "it is removed");
        if another_event_first {
            let event = replicas.stripe().set_status("sub_2", "trialing").unwrap();
            replicas.deliver(1, event, 0);
            replicas.check("after another event of the other customer");
        }
        replicas.deliver(1, second, 61);
        replicas.check("after the retry");
        let event = replicas.stripe().set_status("sub_2", "canceled").unwrap();
        replicas.deliver(1, event, 0);
        replicas.check("after a later event of the other customer");
    }
}
