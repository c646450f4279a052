//! A set in one sorted list: a tenth of a tree's code, which counts in a module.

use std::ops::Deref;

/// Items in their order, each once. Reads as a slice.
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
    /// Puts an item in, unless an equal one is there.
    #[inline(never)]
    pub(crate) fn insert(&mut self, item: T) {
        if let Err(place) = self.0.binary_search(&item) {
            self.0.insert(place, item);
        }
    }

    /// Whether an equal item is there.
    #[inline(never)]
    pub(crate) fn contains(&self, item: &T) -> bool {
        self.0.binary_search(item).is_ok()
    }

    /// Puts items in.
    pub(crate) fn extend(&mut self, items: impl IntoIterator<Item = T>) {
        for item in items {
            self.insert(item);
        }
    }

    /// The items that the other set does not have.
    pub(crate) fn difference(&self, other: &Self) -> impl Iterator<Item = &T> {
        self.0.iter().filter(|item| !other.contains(item))
    }

    /// The items that the other set has too.
    pub(crate) fn intersection(&self, other: &Self) -> impl Iterator<Item = &T> {
        self.0.iter().filter(|item| other.contains(item))
    }

    /// Whether the other set has every item.
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
        fn a_set_holds_what_a_tree_would(
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
