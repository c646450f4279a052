//! Common parts of Stripe's objects: metadata and expandable fields.

use crate::sorted::SortedMap;
use serde_json::{Map, Value};

/// An error about a response or an event that does not match Stripe's API reference. It names the member, not
/// its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it does not match Stripe's API reference: {0}")]
pub struct UnreadableError(pub(super) &'static str);

impl UnreadableError {
    /// A subscription whose owner or status cannot be parsed.
    pub(crate) const SUBSCRIPTION: UnreadableError = UnreadableError("subscription");
}

/// The keys and values that the merchant has set on an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata(SortedMap<String, String>);

impl Metadata {
    /// Reads the keys and values of an object. A null value is read as absent: in `previous_attributes` it
    /// means that the key was not set. Stripe's values are strings; others are skipped. The number is bounded
    /// by the body's length: an object has at most 50 keys, but a change of all of them contains 100
    /// (<https://docs.stripe.com/metadata>).
    pub(super) fn read(pairs: &Map<String, Value>) -> Self {
        pairs.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
    }

    /// Returns the value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Returns every key with its value.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Returns whether there is nothing in it.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Metadata(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

/// A field that contains another object's id, or the object itself if it was expanded
/// (<https://docs.stripe.com/api/expanding_objects>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expandable<T> {
    /// The object's id.
    Id(String),
    /// The object.
    Object(T),
}

#[cfg(test)]
mod tests {
    use super::super::wire::{self, Object};
    use super::*;

    fn read(metadata: &str) -> Result<Metadata, UnreadableError> {
        let object = wire::value(format!(r#"{{"metadata": {metadata}}}"#).as_bytes()).unwrap();
        Object::from_value(&object).unwrap().metadata()
    }

    #[test]
    fn metadata_is_read_as_texts_by_key() {
        let cases = [
            ("as Stripe writes it", r#"{"a": "1", "b": ""}"#, vec![("a", "1"), ("b", "")]),
            ("none", "{}", vec![]),
            ("null", "null", vec![]),
            ("a key that was not there before", r#"{"a": null, "b": "2"}"#, vec![("b", "2")]),
            ("a value that is no string is left out", r#"{"a": 1, "b": ["x"], "c": "3"}"#, vec![("c", "3")]),
        ];
        for (why, json, want) in cases {
            assert_eq!(read(json).unwrap().iter().collect::<Vec<_>>(), want, "{why}");
        }
        assert_eq!(read("1"), Err(UnreadableError("metadata")));
    }

    #[test]
    fn metadata_has_as_many_keys_as_the_body_holds() {
        for keys in [50, 51, 100, 5_000] {
            let pairs: Vec<_> = (0..keys).map(|n| format!(r#""k{n}": "v""#)).collect();
            assert_eq!(read(&format!("{{{}}}", pairs.join(","))).unwrap().iter().count(), keys);
        }
    }
}
