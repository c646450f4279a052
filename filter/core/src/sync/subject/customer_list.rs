//! Computes the list of customers in a subject's record from the current list and from what was read at
//! Stripe.
//!
//! Clerk has no compare-and-set, and another gateway may write between a read and a write. A customer that is
//! removed from the list just when it gets a subscription must not be lost, even if the gateway that removed
//! it dies at that moment. So the same write adds removed customers to a second list, every sync reads the
//! customers of both lists, and a later write deletes those that still have no subscription.

use crate::clerk::metadata::Record;
use crate::ids::CustomerId;
use crate::sorted::SortedSet;

/// The maximum number of customers in a subject's list.
pub(crate) const CUSTOMERS_MAX: usize = 20;

/// The customers of a subject, as read from Stripe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SubjectCustomers {
    /// The customers with a live subscription of the subject, those with the strongest claim first.
    pub(crate) live: Vec<CustomerId>,
    /// All customers whose subscriptions were read.
    pub(crate) read: SortedSet<CustomerId>,
}

impl SubjectCustomers {
    /// Returns the first paying customer that a record does not list, because the subject has too many.
    pub(crate) fn first_not_listed(&self) -> Option<&CustomerId> {
        self.live.get(CUSTOMERS_MAX)
    }

    /// Returns the target with both lists updated. `current` is the record that Clerk has now; all other
    /// members of `target` are final.
    ///
    /// The lists alone cause a write only if a customer is missing, or if the list is too long because
    /// several were added concurrently. Otherwise customers are removed only along with another change, so
    /// that a second sync with the same state writes nothing.
    pub(crate) fn update_lists(&self, current: &Record, target: Record) -> Record {
        let live: SortedSet<CustomerId> = self.live.iter().take(CUSTOMERS_MAX).cloned().collect();
        let without_subscription: SortedSet<CustomerId> = self.read.difference(&live).cloned().collect();
        let adds = !live.is_subset(&current.customers);
        let too_long = current.customers.len() > CUSTOMERS_MAX;
        let newly_removed: SortedSet<CustomerId> = match adds || too_long {
            true => current.customers.intersection(&without_subscription).cloned().collect(),
            false => SortedSet::default(),
        };
        let kept = current.customers.difference(&newly_removed).cloned();
        let target =
            Record { customers: kept.chain(live).collect(), removed: current.removed.clone(), ..target };
        if target == *current {
            return target;
        }
        let not_read = current.removed.difference(&self.read).cloned();
        Record { removed: not_read.chain(newly_removed).collect(), ..target }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &str) -> SortedSet<CustomerId> {
        ids.split_whitespace().map(|id| CustomerId::parse(&format!("cus_{id}")).unwrap()).collect()
    }

    fn record(customers: &str, removed: &str) -> Record {
        Record { customers: set(customers), removed: set(removed), ..Record::default() }
    }

    fn customers(live: &str, read: &str) -> SubjectCustomers {
        SubjectCustomers { live: set(live).into_iter().collect(), read: set(read) }
    }

    #[test]
    fn customers_are_added_and_removed_in_one_write() {
        let cases = [
            ("nothing new", ("a b", ""), ("a b", "a b"), ("a b", "")),
            ("an ended one stays until another is added", ("a b", ""), ("a", "a b"), ("a b", "")),
            (
                "one is added, and those without a subscription are removed",
                ("a b", ""),
                ("c", "a b c"),
                ("c", "a b"),
            ),
            ("one that was not read stays", ("a b", ""), ("c", "a c"), ("b c", "a")),
            ("a removed one has a live subscription", ("a", "b"), ("a b", "a b"), ("a b", "")),
            ("removed customers alone cause no write", ("a", "b"), ("a", "a b"), ("a", "b")),
            (
                "removed customers are deleted along with another change",
                ("a", "b"),
                ("c", "a b c"),
                ("c", "a"),
            ),
        ];
        for (why, current, read, want) in cases {
            let current = record(current.0, current.1);
            let got = customers(read.0, read.1).update_lists(&current, Record::default());
            assert_eq!(got, record(want.0, want.1), "{why}");
        }
    }

    #[test]
    fn removed_customers_are_deleted_when_the_plan_is_written() {
        let target = Record { plan: Some("pro".to_owned()), ..Record::default() };
        let got = customers("a", "a b").update_lists(&record("a", "b"), target.clone());
        assert_eq!(got, Record { customers: set("a"), ..target });
    }

    #[test]
    fn only_the_strongest_claims_are_listed() {
        let live: Vec<CustomerId> =
            (0..30).rev().map(|n| CustomerId::parse(&format!("cus_{n:02}")).unwrap()).collect();
        let customers = SubjectCustomers { read: live.iter().cloned().collect(), live };
        assert_eq!(customers.first_not_listed(), Some(&CustomerId::parse("cus_09").unwrap()));
        let got = customers.update_lists(&Record::default(), Record::default());
        assert_eq!(got.customers.len(), CUSTOMERS_MAX);
        assert!(got.customers.contains(&CustomerId::parse("cus_29").unwrap()));
    }
}
