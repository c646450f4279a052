//! A set in one sorted list, with a tenth of the code of a tree.

use std::ops::Deref;

/// A set in the order of its items. It dereferences to a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedSet<T>(Vec<T>);

impl<T> Default for SortedSet<T> {
    fn default() -> Self {
        SortedSet(Vec::new())
    }
}

impl<T> Deref for SortedSet<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Ord> SortedSet<T> {
    /// Inserts an item, unless there is an equal one.
    #[inline(never)]
    pub(crate) fn insert(&mut self, item: T) {
        if let Err(index) = self.0.binary_search(&item) {
            self.0.insert(index, item);
        }
    }

    /// Returns whether there is an equal item.
    #[inline(never)]
    pub(crate) fn contains(&self, item: &T) -> bool {
        self.0.binary_search(item).is_ok()
    }

    /// Inserts items.
    pub(crate) fn extend(&mut self, items: impl IntoIterator<Item = T>) {
        for item in items {
            self.insert(item);
        }
    }

    /// Returns the items that the other set does not have.
    pub(crate) fn difference(&self, other: &Self) -> impl Iterator<Item = &T> {
        self.0.iter().filter(|item| !other.contains(item))
    }

    /// Returns the items that the other set also has.
    pub(crate) fn intersection(&self, other: &Self) -> impl Iterator<Item = &T> {
        self.0.iter().filter(|item| other.contains(item))
    }

    /// Returns whether the other set has every item.
    pub(crate) fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().all(|item| other.contains(item))
    }
}

impl<T: Ord> FromIterator<T> for SortedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut set = SortedSet::default();
        set.extend(items);
        set
    }
}

impl<T> IntoIterator for SortedSet<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a SortedSet<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_equivalent_to_a_tree(
            a in prop::collection::vec(0..12_u32, 0..12),
            b in prop::collection::vec(0..12_u32, 0..12),
        ) {
            let (sorted_a, sorted_b): (SortedSet<_>, SortedSet<_>) =
                (a.iter().copied().collect(), b.iter().copied().collect());
            let (tree_a, tree_b) = (BTreeSet::from_iter(a), BTreeSet::from_iter(b));
            prop_assert!(sorted_a.iter().eq(&tree_a));
            prop_assert!(sorted_a.difference(&sorted_b).eq(tree_a.difference(&tree_b)));
            prop_assert!(sorted_a.intersection(&sorted_b).eq(tree_a.intersection(&tree_b)));
            prop_assert_eq!(sorted_a.is_subset(&sorted_b), tree_a.is_subset(&tree_b));
            prop_assert!((0..12).all(|item| sorted_a.contains(&item) == tree_a.contains(&item)));
        }
    }
}
