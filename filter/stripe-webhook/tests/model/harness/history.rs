//! What was so at each moment of a schedule, to judge whether a plan was taken away without a reason.

use super::changes::SUBJECTS;
use super::expected;
use super::world::World;
use std::collections::BTreeMap;

/// All moments of a schedule: one after each change at Stripe or Clerk.
#[derive(Debug, Default)]
pub(crate) struct History(Vec<Moment>);

#[derive(Debug)]
struct Moment {
    /// What grants something: subscription → (customer, owner, rank).
    grants: BTreeMap<String, (String, String, usize)>,
    /// The customers that Clerk lists for each subject, and those removed.
    listed: Vec<Vec<String>>,
    /// The subscription that Clerk says grants the plan of each.
    recorded: Vec<Option<String>>,
}

impl History {
    pub(crate) fn note(&mut self, world: &World) {
        let grant = |subscription| {
            let owner = expected::owner(&world.stripe, subscription)?;
            Some((subscription.customer.clone(), owner, expected::rank(&world.stripe, subscription)?))
        };
        let all = world.stripe.subscriptions.values();
        let listed = |subject: &&str| {
            let record = &world.clerk.subjects[*subject];
            let lists = ["stripe_customers", "stripe_customers_removed"].map(|name| record.customers(name));
            lists.concat().into_iter().map(str::to_owned).collect()
        };
        let recorded = |subject: &&str| world.clerk.subjects[*subject].granted_by().map(str::to_owned);
        self.0.push(Moment {
            grants: all.filter_map(|s| Some((s.id.clone(), grant(s)?))).collect(),
            listed: SUBJECTS.iter().map(listed).collect(),
            recorded: SUBJECTS.iter().map(recorded).collect(),
        });
    }

    /// The latest moment.
    pub(crate) fn now(&self) -> usize {
        self.0.len() - 1
    }

    /// The highest rank that one and the same subscription gave the subject at every moment from `since` on, while
    /// Clerk listed its customer, or said that it grants the plan.
    pub(crate) fn held_throughout(&self, subject: &str, since: usize) -> Option<usize> {
        let place = SUBJECTS.iter().position(|known| *known == subject).unwrap();
        let moments = &self.0[since..];
        let held = moments[0].grants.keys().filter_map(|subscription| {
            let ranks = moments.iter().map(|moment| {
                let (customer, owner, rank) = moment.grants.get(subscription)?;
                let is_known = moment.listed[place].contains(customer)
                    || moment.recorded[place].as_ref() == Some(subscription);
                (owner == subject && is_known).then_some(*rank)
            });
            ranks.collect::<Option<Vec<usize>>>()?.into_iter().min()
        });
        held.max()
    }
}
