//! Checks the state in Clerk once all deliveries have ended.

use super::changes::SUBJECTS;
use super::clerk::LISTED_CUSTOMERS_MAX;
use super::expected::{self, PLANS};
use super::world::World;

/// Checks that Clerk's records agree with Stripe.
///
/// # Errors
/// The first difference.
pub(crate) fn check(world: &World) -> Result<(), String> {
    for subject in SUBJECTS {
        let wanted = expected::record(&world.stripe, subject);
        let record = &world.clerk.subjects[subject];
        if record.plan().unwrap_or(PLANS[0]) != wanted.plan {
            return Err(format!("{subject} has {:?}, expected {}", record.plan(), wanted.plan));
        }
        let granting: Vec<&str> = wanted.granting.iter().map(|s| s.id.as_str()).collect();
        if record.granted_by().is_some_and(|id| !granting.contains(&id)) {
            return Err(format!("{subject} has it from {:?}, expected {granting:?}", record.granted_by()));
        }
        if record.granted_by().is_none() && wanted.plan != PLANS[0] {
            return Err(format!("{subject} has {} without a subscription", wanted.plan));
        }
        let its = wanted.granting.iter().find(|s| Some(s.id.as_str()) == record.granted_by());
        if its.is_some_and(|its| Some(its.status) != record.status()) {
            return Err(format!("{subject} shows status {:?}", record.status()));
        }
        let listed = record.customers("stripe_customers");
        let granting = wanted.granting.iter().find(|s| Some(s.id.as_str()) == record.granted_by());
        let must_be_listed = match wanted.customers.len() > LISTED_CUSTOMERS_MAX {
            true => granting.map(|granting| granting.customer.as_str()).into_iter().collect(),
            false => wanted.customers,
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
