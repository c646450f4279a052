//! A small map whose keys mostly come in rising order, as Envoy numbers contexts and callouts.

/// Keys and values in the order of the keys.
///
/// A new key is nearly always the highest, so that it is appended; to remove one moves only the entries behind it.
/// Instances are a tenth of a `BTreeMap`'s code, which counts in a module.
#[derive(Debug)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        SortedMap(Vec::new())
    }
}

impl<K: Copy + Ord, V> SortedMap<K, V> {
    /// An empty one.
    pub const fn new() -> Self {
        SortedMap(Vec::new())
    }

    fn place(&self, key: K) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.cmp(&key))
    }

    /// All, lowest key first.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// The value of that key.
    pub fn get(&self, key: K) -> Option<&V> {
        self.0.get(self.place(key).ok()?).map(|(_, value)| value)
    }

    /// The value of that key, to change it.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Puts a value in; one that has the key already is replaced.
    pub fn insert(&mut self, key: K, value: V) {
        match self.place(key) {
            Ok(place) => {
                if let Some((_, old)) = self.0.get_mut(place) {
                    *old = value;
                }
            }
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    /// Takes the value of that key out.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let place = self.place(key).ok()?;
        Some(self.0.remove(place).1)
    }

    /// Drops the values that are not to stay.
    pub fn retain(&mut self, stays: impl Fn(&V) -> bool) {
        self.0.retain(|(_, value)| stays(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_holds_what_a_tree_would(steps in prop::collection::vec((0..3_u8, 0..12_u32), 0..200)) {
            let (mut sorted, mut tree) = (SortedMap::new(), BTreeMap::new());
            for (value, (step, key)) in steps.into_iter().enumerate() {
                match step {
                    0 => {
                        sorted.insert(key, value);
                        tree.insert(key, value);
                    }
                    1 => prop_assert_eq!(sorted.remove(key), tree.remove(&key)),
                    _ => {
                        sorted.retain(|value| value % 3 != 0);
                        tree.retain(|_, value| *value % 3 != 0);
                    }
                }
                prop_assert_eq!(sorted.get(key), tree.get(&key));
                prop_assert_eq!(sorted.get_mut(key), tree.get_mut(&key));
                prop_assert!(sorted.0.iter().map(|(key, value)| (key, value)).eq(&tree));
            }
        }
    }
}
