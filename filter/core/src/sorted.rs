//! Small sets and maps in the order of their items: a vector and a binary search.
//!
//! They hold what one event or one answer brings, which is bounded and rarely more than a few, or what is under way in
//! Envoy, whose numbers rise, so that nearly all is appended. An instance is a tenth of a `BTreeMap`'s code, and there
//! are many, which counts in a module.

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
    pub fn insert(&mut self, item: T) {
        if let Err(place) = self.0.binary_search(&item) {
            self.0.insert(place, item);
        }
    }

    /// Whether an equal item is there.
    #[inline(never)]
    pub fn contains(&self, item: &T) -> bool {
        self.0.binary_search(item).is_ok()
    }

    /// Puts items in.
    pub fn extend(&mut self, items: impl IntoIterator<Item = T>) {
        for item in items {
            self.insert(item);
        }
    }

    /// The items that the other set does not have.
    pub fn difference(&self, other: &Self) -> impl Iterator<Item = &T> {
        self.0.iter().filter(|item| !other.contains(item))
    }

    /// The items that the other set has too.
    pub fn intersection(&self, other: &Self) -> impl Iterator<Item = &T> {
        self.0.iter().filter(|item| other.contains(item))
    }

    /// Whether the other set has every item.
    pub fn is_subset(&self, other: &Self) -> bool {
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

/// Values by key, in the order of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        SortedMap(Vec::new())
    }
}

impl<K, V> SortedMap<K, V> {
    /// An empty one.
    pub const fn new() -> Self {
        SortedMap(Vec::new())
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every key with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Every value.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Drops the values that are not to stay.
    pub fn retain(&mut self, stays: impl Fn(&V) -> bool) {
        self.0.retain(|(_, value)| stays(value));
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.binary_search_by(|(other, _)| other.borrow().cmp(key))
    }

    /// The value under that key.
    #[inline(never)]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.get(self.place(key).ok()?).map(|(_, value)| value)
    }

    /// The value under that key, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Whether there is a value under that key.
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Puts a value in; one that is under the key already is replaced.
    #[inline(never)]
    pub fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(place) => {
                if let Some((_, old)) = self.0.get_mut(place) {
                    *old = value;
                }
            }
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    /// Takes the value under that key out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key).ok()?;
        Some(self.0.remove(place).1)
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = SortedMap::default();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn a_map_holds_what_a_tree_would(steps in prop::collection::vec((0..5_u8, 0..12_u32), 0..200)) {
            let (mut sorted, mut tree) = (SortedMap::new(), BTreeMap::new());
            for (value, (step, key)) in steps.into_iter().enumerate() {
                match step {
                    0 => prop_assert_eq!(sorted.remove(&key), tree.remove(&key)),
                    1 => {
                        sorted.retain(|value| value % 3 != 0);
                        tree.retain(|_, value| *value % 3 != 0);
                    }
                    _ => {
                        sorted.insert(key, value);
                        tree.insert(key, value);
                    }
                }
                prop_assert_eq!(sorted.get(&key), tree.get(&key));
                prop_assert_eq!(sorted.get_mut(&key), tree.get_mut(&key));
                prop_assert_eq!(sorted.contains_key(&key), tree.contains_key(&key));
                prop_assert!(sorted.iter().eq(&tree));
                prop_assert!(sorted.keys().eq(tree.keys()) && sorted.values().eq(tree.values()));
                prop_assert_eq!((sorted.len(), sorted.is_empty()), (tree.len(), tree.is_empty()));
            }
        }

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
