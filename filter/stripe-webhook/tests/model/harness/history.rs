//! The state after each change of a schedule, to find a plan that was taken away without a reason.

use super::changes::SUBJECTS;
use super::expected;
use super::world::World;
use std::collections::BTreeMap;

/// All snapshots of a schedule, one after each change at Stripe or Clerk.
#[derive(Debug, Default)]
pub(crate) struct History(Vec<Snapshot>);

/// The state at one time.
#[derive(Debug)]
struct Snapshot {
    /// The subscriptions that grant a plan: id → (customer, owner, rank).
    grants: BTreeMap<String, (String, String, usize)>,
    /// The customers that Clerk lists for each subject, with those removed.
    listed: Vec<Vec<String>>,
    /// The subscription of each subject's plan, as Clerk's record has it.
    recorded: Vec<Option<String>>,
}

impl History {
    /// Adds a snapshot of the present state.
    pub(crate) fn record(&mut self, world: &World) {
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
        self.0.push(Snapshot {
            grants: all.filter_map(|s| Some((s.id.clone(), grant(s)?))).collect(),
            listed: SUBJECTS.iter().map(listed).collect(),
            recorded: SUBJECTS.iter().map(recorded).collect(),
        });
    }

    /// Returns the index of the latest snapshot.
    pub(crate) fn latest(&self) -> usize {
        self.0.len() - 1
    }

    /// Returns the highest rank that one and the same subscription granted the subject in every snapshot from
    /// `since` on, while Clerk's record listed its customer or named the subscription.
    pub(crate) fn rank_paid_throughout(&self, subject: &str, since: usize) -> Option<usize> {
        let index = SUBJECTS.iter().position(|known| *known == subject).unwrap();
        let snapshots = &self.0[since..];
        let held = snapshots[0].grants.keys().filter_map(|subscription| {
            let ranks = snapshots.iter().map(|snapshot| {
                let (customer, owner, rank) = snapshot.grants.get(subscription)?;
                let is_known = snapshot.listed[index].contains(customer)
                    || snapshot.recorded[index].as_ref() == Some(subscription);
                (owner == subject && is_known).then_some(*rank)
            });
            ranks.collect::<Option<Vec<usize>>>()?.into_iter().min()
        });
        held.max()
    }
}
