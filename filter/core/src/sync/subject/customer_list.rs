//! The list of customers that Clerk should show of a subject, given the one it shows and what was read at
//! Stripe.
//!
//! Clerk knows no compare-and-set, and another gateway may write between a read and a write. A customer that
//! is taken off the list at the moment in which it gets a subscription must not be lost, even if the gateway
//! that took it off dies there. So whatever is taken off stands among the removed from then on, in the same
//! write; every sync reads the removed too; and a later write strikes out those that were still found without
//! a subscription then.

use crate::clerk::metadata::Record;
use crate::ids::CustomerId;
use crate::sorted::SortedSet;

/// How many customers are listed for a subject.
pub(crate) const CUSTOMERS_MAX: usize = 20;

/// What was read at Stripe of the customers of a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeldCustomers {
    /// Those with a live subscription of the subject; the surest claim first.
    pub(crate) live: Vec<CustomerId>,
    /// All that were read.
    pub(crate) read: SortedSet<CustomerId>,
}

impl HeldCustomers {
    /// Returns whether there are more than are listed.
    pub(crate) fn too_many(&self) -> bool {
        self.live.len() > CUSTOMERS_MAX
    }

    /// Returns the record to aim at: `shown` by Clerk, with `plan` and the rest already as they should be in
    /// `target`.
    ///
    /// The list alone is reason to write when a customer is missing on it, or when it is too long, as when
    /// many were added side by side. Striking out is not otherwise: that is done along with whatever else is
    /// written, so that the same truth twice is written once.
    pub(crate) fn lists(&self, shown: &Record, target: Record) -> Record {
        let live: SortedSet<CustomerId> = self.live.iter().take(CUSTOMERS_MAX).cloned().collect();
        let without: SortedSet<CustomerId> = self.read.difference(&live).cloned().collect();
        let adds = !live.is_subset(&shown.customers);
        let too_long = shown.customers.len() > CUSTOMERS_MAX;
        let taken_off: SortedSet<CustomerId> = match adds || too_long {
            true => shown.customers.intersection(&without).cloned().collect(),
            false => SortedSet::default(),
        };
        let kept = shown.customers.difference(&taken_off).cloned();
        let target =
            Record { customers: kept.chain(live).collect(), removed: shown.removed.clone(), ..target };
        if target == *shown {
            return target;
        }
        let unsettled = shown.removed.difference(&self.read).cloned();
        Record { removed: unsettled.chain(taken_off).collect(), ..target }
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

    fn holders(live: &str, read: &str) -> HeldCustomers {
        HeldCustomers { live: set(live).into_iter().collect(), read: set(read) }
    }

    #[test]
    fn customers_come_and_go_together() {
        let cases = [
            ("nothing new", ("a b", ""), ("a b", "a b"), ("a b", "")),
            ("one that has ended stays until another comes", ("a b", ""), ("a", "a b"), ("a b", "")),
            ("one comes, and those without go among the removed", ("a b", ""), ("c", "a b c"), ("c", "a b")),
            ("one that was not read stays", ("a b", ""), ("c", "a c"), ("b c", "a")),
            ("one that was removed lives", ("a", "b"), ("a b", "a b"), ("a b", "")),
            ("the removed alone are no reason to write", ("a", "b"), ("a", "a b"), ("a", "b")),
            ("they are struck out along with another write", ("a", "b"), ("c", "a b c"), ("c", "a")),
        ];
        for (why, shown, read, want) in cases {
            let shown = record(shown.0, shown.1);
            let got = holders(read.0, read.1).lists(&shown, Record::default());
            assert_eq!(got, record(want.0, want.1), "{why}");
        }
    }

    #[test]
    fn the_removed_are_struck_out_when_the_plan_is_written() {
        let target = Record { plan: Some("pro".to_owned()), ..Record::default() };
        let got = holders("a", "a b").lists(&record("a", "b"), target.clone());
        assert_eq!(got, Record { customers: set("a"), ..target });
    }

    #[test]
    fn only_the_surest_are_listed() {
        let live: Vec<CustomerId> =
            (0..30).rev().map(|n| CustomerId::parse(&format!("cus_{n:02}")).unwrap()).collect();
        let holders = HeldCustomers { read: live.iter().cloned().collect(), live };
        assert!(holders.too_many());
        let got = holders.lists(&Record::default(), Record::default());
        assert_eq!(got.customers.len(), CUSTOMERS_MAX);
        assert!(got.customers.contains(&CustomerId::parse("cus_29").unwrap()));
    }
}
