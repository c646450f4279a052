//! The verdict on a schedule that came to rest.

use super::changes::SUBJECTS;
use super::clerk::LISTED_CUSTOMERS_MAX;
use super::expected::{self, PLANS};
use super::world::World;

/// The law of the end: Clerk holds the truth.
pub(crate) fn check(world: &World) -> Result<(), String> {
    for subject in SUBJECTS {
        let truth = expected::record(&world.stripe, subject);
        let record = &world.clerk.subjects[subject];
        if record.plan().unwrap_or(PLANS[0]) != truth.plan {
            return Err(format!("{subject} has {:?}, the truth is {}", record.plan(), truth.plan));
        }
        let granting: Vec<&str> = truth.granting.iter().map(|s| s.id.as_str()).collect();
        if record.granted_by().is_some_and(|id| !granting.contains(&id)) {
            return Err(format!("{subject} has it from {:?}, in truth {granting:?}", record.granted_by()));
        }
        if record.granted_by().is_none() && truth.plan != PLANS[0] {
            return Err(format!("{subject} has {} from nobody", truth.plan));
        }
        let its = truth.granting.iter().find(|s| Some(s.id.as_str()) == record.granted_by());
        if its.is_some_and(|its| Some(its.status) != record.status()) {
            return Err(format!("{subject} shows status {:?}", record.status()));
        }
        let listed = record.customers("stripe_customers");
        let granting = truth.granting.iter().find(|s| Some(s.id.as_str()) == record.granted_by());
        let must_be_listed = match truth.customers.len() > LISTED_CUSTOMERS_MAX {
            true => granting.map(|granting| granting.customer.as_str()).into_iter().collect(),
            false => truth.customers,
        };
        if listed.len() > LISTED_CUSTOMERS_MAX {
            return Err(format!("{subject} lists {}", listed.len()));
        }
        if let Some(customer) = must_be_listed.iter().find(|customer| !listed.contains(customer)) {
            return Err(format!("{subject}: {customer} is not among {listed:?}"));
        }
    }
    Ok(())
}
