//! The state after each change, to find a plan that a delivery took away although a source granted it
//! throughout, and the check of the final state.

use super::Documents;
use super::sale::{SUBJECTS, customer, rank_at_clerk, rank_at_stripe};
use crate::harness::World;
use crate::harness::expected::{PLANS, rank_of_plan};
use serde_json::Value;

/// The ranks that the sources grant each subject, in one snapshot.
#[derive(Clone, Copy, Debug)]
struct GrantedRanks {
    stripe: usize,
    clerk: usize,
    /// The plan in Clerk's record.
    recorded: usize,
}

/// All snapshots of a schedule.
#[derive(Debug)]
pub(super) struct GrantHistory {
    documents: Documents,
    snapshots: Vec<[GrantedRanks; SUBJECTS.len()]>,
}

impl GrantHistory {
    pub(super) fn new(documents: Documents) -> Self {
        GrantHistory { documents, snapshots: Vec::new() }
    }

    /// Adds a snapshot of the present state.
    pub(super) fn record(&mut self, world: &World) {
        let ranks = SUBJECTS.map(|subject| self.ranks(world, subject));
        self.snapshots.push(ranks);
    }

    /// Returns the index of the latest snapshot.
    pub(super) fn latest(&self) -> usize {
        self.snapshots.len() - 1
    }

    /// Returns what every delivery can know. A customer at Stripe that Clerk's record does not list is only
    /// known to deliveries about it. A document with one source only knows of the other what the record says.
    fn ranks(&self, world: &World, subject: &str) -> GrantedRanks {
        let record = &world.clerk.subjects[subject];
        let lists = ["stripe_customers", "stripe_customers_removed"].map(|name| record.customers(name));
        let is_listed = lists.concat().contains(&customer(subject).as_str());
        let stripe = if is_listed { rank_at_stripe(world, subject) } else { 0 };
        let clerk = rank_at_clerk(world, subject);
        let recorded = rank_of_plan(record.plan());
        match self.documents {
            Documents::Both => GrantedRanks { stripe, clerk, recorded },
            Documents::Mixed => GrantedRanks {
                stripe: stripe.min(recorded_rank(world, subject, "stripe")),
                clerk: clerk.min(recorded_rank(world, subject, "clerk_billing")),
                recorded,
            },
        }
    }

    /// Checks a write that has just taken effect, whose sender has read nothing before the snapshot `since`.
    ///
    /// # Errors
    /// The plan that was taken away although a source granted it throughout.
    pub(super) fn check_write(&self, world: &World, subject: &str, since: usize) -> Result<(), String> {
        let index = SUBJECTS.iter().position(|known| *known == subject).unwrap();
        let of_subject = || self.snapshots[since..].iter().map(|snapshot| snapshot[index]);
        let before = of_subject().next_back().unwrap().recorded;
        let after = rank_of_plan(world.clerk.subjects[subject].plan());
        let stripe = of_subject().map(|ranks| ranks.stripe).min().unwrap();
        let clerk = of_subject().map(|ranks| ranks.clerk).min().unwrap();
        if after < before && after < stripe.max(clerk) {
            let [before, after, stripe, clerk] = [before, after, stripe, clerk].map(|rank| PLANS[rank]);
            return Err(format!(
                "{subject} lost {before} for {after}, though Stripe granted {stripe} and Clerk {clerk} throughout"
            ));
        }
        Ok(())
    }
}

/// Returns the rank of what a source grants according to Clerk's record.
fn recorded_rank(world: &World, subject: &str, source: &str) -> usize {
    let record = &world.clerk.subjects[subject];
    let granting = record.private.get("plan_source").and_then(Value::as_str).unwrap_or("stripe");
    if granting == source {
        return rank_of_plan(record.plan());
    }
    let beside = record.private.get("plan_beside").filter(|beside| beside["source"] == source);
    rank_of_plan(beside.and_then(|beside| beside["plan"].as_str()))
}

/// Checks that Clerk's records agree with both sources.
///
/// # Errors
/// The first difference.
pub(super) fn check_end(world: &World) -> Result<(), String> {
    for subject in SUBJECTS {
        let (stripe, clerk) = (rank_at_stripe(world, subject), rank_at_clerk(world, subject));
        let record = &world.clerk.subjects[subject];
        let want = stripe.max(clerk);
        if rank_of_plan(record.plan()) != want {
            return Err(format!("{subject} has {:?}, expected {}", record.plan(), PLANS[want]));
        }
        let source = record.private.get("plan_source").and_then(Value::as_str);
        let may_have = match (want, stripe == want, clerk == want) {
            (0, ..) => [None, None],
            (_, true, true) => [Some("stripe"), Some("clerk_billing")],
            (_, true, false) => [Some("stripe"); 2],
            (_, false, _) => [Some("clerk_billing"); 2],
        };
        if !may_have.contains(&source) {
            return Err(format!("{subject} has {:?} from {source:?}, expected {may_have:?}", record.plan()));
        }
    }
    Ok(())
}
