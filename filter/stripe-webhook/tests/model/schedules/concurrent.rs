//! The schedules that a wrong protocol would fail at, each step in its place.

use crate::harness::{
    DeliveryRun, ModelWorld, Replica, Stripe, changes_something, document, expected, signed,
};
use serde_json::Value;
use tollgate_driver::memory::SharedData;

const USER: [(&str, &str); 1] = [("clerk_user_id", "user_1")];

/// Two machines in one world.
struct Stage {
    world: ModelWorld,
    replicas: [Replica; 2],
}

/// A delivery on one of them.
struct Actor {
    replica: usize,
    run: DeliveryRun,
}

impl Stage {
    fn new() -> Self {
        let mut world = ModelWorld::new();
        world.clerk.add("user_1");
        let document = document(Value::Null);
        let replicas = [(); 2].map(|()| Replica::new(&document, &SharedData::default()));
        Stage { world, replicas }
    }

    fn stripe(&mut self) -> &mut Stripe {
        &mut self.world.stripe
    }

    /// The event arrives there, signed so many seconds from now.
    fn begin(&mut self, replica: usize, event: usize, later_s: u64) -> Actor {
        let body = self.world.stripe.events[event].body.clone();
        let request = signed(&body, self.world.now.as_secs() + later_s);
        let run = DeliveryRun::begin(&request, &mut self.replicas[replica], self.world.now);
        Actor { replica, run }
    }

    /// Its next callout arrives, and it gets the response.
    fn step(&mut self, actor: &mut Actor) {
        if actor.run.end.is_none() {
            let response = self.world.answer(&actor.run.in_flight[0].callout);
            actor.run.in_flight[0].result = Some(response.into());
            actor.run.end_callout(&mut self.replicas[actor.replica], self.world.now, 0);
        }
    }

    /// It goes on until it is about to write.
    fn until_write(&mut self, actor: &mut Actor) {
        while !changes_something(&actor.run.in_flight[0].callout) {
            self.step(actor);
        }
    }

    /// What it is about to write arrives, and it dies before it hears of it.
    fn write_and_die(&mut self, actor: Actor) {
        let orphans = actor.run.close(&mut self.replicas[actor.replica]);
        assert!(!orphans.is_empty());
        orphans.iter().for_each(|callout| drop(self.world.answer(callout)));
    }

    /// It goes on to its end, which Stripe is content with.
    fn finish(&mut self, actor: &mut Actor) {
        while actor.run.end.is_none() {
            self.step(actor);
        }
        assert!(actor.run.is_success(), "{:?}", actor.run.end);
    }

    fn deliver(&mut self, replica: usize, event: usize, later_s: u64) -> Actor {
        let mut actor = self.begin(replica, event, later_s);
        self.finish(&mut actor);
        actor
    }

    fn check(&self, why: &str) {
        let truth = expected::truth(&self.world.stripe, "user_1");
        let record = &self.world.clerk.subjects["user_1"];
        assert_eq!(record.plan(), Some(truth.plan), "{why}: {record:?}");
        let listed = record.customers("stripe_customers");
        assert!(truth.customers.iter().all(|customer| listed.contains(customer)), "{why}: {record:?}");
        let status = truth.granting.first().map(|granting| granting.status);
        assert!(status.is_none() || record.status() == status, "{why}: {record:?}");
    }
}

#[test]
fn of_two_writers_with_different_snapshots_the_last_repairs_the_record() {
    // Each writes only what differs from what it saw: the old one a status, the young one a plan or both.
    for (why, price, status) in
        [("another field", "price_ent", "past_due"), ("the same", "price_ent", "trialing")]
    {
        for old_writes_first in [true, false] {
            let mut stage = Stage::new();
            stage.stripe().add_customer("cus_1", &[]);
            let event = stage.stripe().add_subscription("sub_1", "cus_1", "price_pro", &USER);
            stage.deliver(0, event, 0);
            let event = stage.stripe().set_status("sub_1", status).unwrap();
            if status == "past_due" {
                let now_s = stage.world.now.as_secs();
                stage.stripe().clock_s = now_s;
                stage.stripe().fail_payment("sub_1", "subscription_cycle");
            }
            let mut old = stage.begin(0, event, 0);
            stage.until_write(&mut old);
            stage.stripe().set_status("sub_1", "active");
            let event = stage.stripe().set_price("sub_1", price).unwrap();
            let mut young = stage.begin(1, event, 0);
            stage.until_write(&mut young);
            if old_writes_first {
                stage.finish(&mut old);
                stage.finish(&mut young);
            } else {
                stage.finish(&mut young);
                stage.finish(&mut old);
            }
            stage.check(&format!("{why}, the old one first: {old_writes_first}"));
        }
    }
}

#[test]
fn a_stale_write_of_a_killed_delivery_is_repaired_by_its_retry() {
    let mut stage = Stage::new();
    stage.stripe().add_customer("cus_1", &[]);
    let created = stage.stripe().add_subscription("sub_1", "cus_1", "price_pro", &USER);
    let mut stale = stage.begin(0, created, 0);
    stage.until_write(&mut stale);
    let ended = stage.stripe().set_status("sub_1", "canceled").unwrap();
    stage.deliver(1, ended, 0);
    stage.deliver(1, created, 0);
    stage.check("before the stale one writes");
    stage.write_and_die(stale);
    assert_eq!(stage.world.clerk.subjects["user_1"].plan(), Some("pro"), "it has done its harm");
    // A copy that was signed before the end is not Stripe's retry, and changes nothing.
    let writes = stage.world.clerk.writes;
    assert!(stage.deliver(1, created, 0).run.sent.is_empty());
    assert_eq!(stage.world.clerk.writes, writes);
    // The retry comes where the duplicate is remembered.
    stage.deliver(1, created, 61);
    stage.check("after the retry");
}

#[test]
fn two_customers_of_one_user_at_the_same_time_on_two_replicas() {
    for order in 0..1_u32 << 10 {
        let mut stage = Stage::new();
        stage.stripe().add_customer("cus_1", &[]);
        stage.stripe().add_customer("cus_2", &[]);
        let pro = stage.stripe().add_subscription("sub_1", "cus_1", "price_pro", &USER);
        let enterprise = stage.stripe().add_subscription("sub_2", "cus_2", "price_ent", &USER);
        let mut actors = [stage.begin(0, pro, 0), stage.begin(1, enterprise, 0)];
        for step in 0..10 {
            let turn = usize::from(order >> step & 1 == 1);
            stage.step(&mut actors[turn]);
        }
        actors.iter_mut().for_each(|actor| stage.finish(actor));
        stage.check(&format!("order {order:b}"));
    }
}

/// Customer 1 is listed and has nothing; a delivery about customer 2 is about to take it off the list, when it buys.
fn about_to_remove(stage: &mut Stage) -> (usize, Actor) {
    stage.stripe().add_customer("cus_1", &[]);
    stage.stripe().add_customer("cus_2", &[]);
    let first = stage.stripe().add_subscription("sub_1", "cus_1", "price_pro", &USER);
    stage.deliver(0, first, 0);
    let ended = stage.stripe().set_status("sub_1", "canceled").unwrap();
    stage.deliver(0, ended, 0);
    let second = stage.stripe().add_subscription("sub_2", "cus_2", "price_pro", &USER);
    let mut remover = stage.begin(0, second, 0);
    stage.until_write(&mut remover);
    let again = stage.stripe().add_subscription("sub_3", "cus_1", "price_ent", &USER);
    stage.deliver(1, again, 0);
    assert_eq!(stage.world.clerk.subjects["user_1"].plan(), Some("enterprise"), "before it is taken off");
    (second, remover)
}

#[test]
fn a_customer_removed_while_it_buys_is_found_by_the_check() {
    let mut stage = Stage::new();
    let (_, mut remover) = about_to_remove(&mut stage);
    stage.finish(&mut remover);
    stage.check("after the check");
}

#[test]
fn a_customer_removed_while_it_buys_is_found_though_the_remover_dies() {
    for another_event_first in [false, true] {
        let mut stage = Stage::new();
        let (second, remover) = about_to_remove(&mut stage);
        stage.write_and_die(remover);
        let listed = stage.world.clerk.subjects["user_1"].customers("stripe_customers");
        assert!(!listed.contains(&"cus_1"), "it is off the list");
        if another_event_first {
            let event = stage.stripe().set_status("sub_2", "trialing").unwrap();
            stage.deliver(1, event, 0);
            stage.check("after another event of the other customer");
        }
        stage.deliver(1, second, 61);
        stage.check("after the retry");
        let event = stage.stripe().set_status("sub_2", "canceled").unwrap();
        stage.deliver(1, event, 0);
        stage.check("and it is not forgotten later");
    }
}
