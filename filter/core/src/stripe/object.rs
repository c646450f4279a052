//! How Stripe writes objects: metadata, fields that are an id or the object itself, lists in pages.

use serde::de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// The most keys of one metadata that are taken: Stripe's own limit (<https://docs.stripe.com/metadata>).
pub const METADATA_KEYS_MAX: usize = 50;
/// The most objects of one page that are taken: what every list here asks for, and the most that Stripe gives.
pub const PAGE_OBJECTS_MAX: usize = 100;

/// An answer or an event that is not what Stripe's API describes. The text names the place, not the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not as Stripe's API describes it: {0}")]
pub struct Unreadable(pub(super) String);

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Unreadable(match error.classify() {
            serde_json::error::Category::Data => format!("line {}, column {}", error.line(), error.column()),
            _ => "no JSON".to_owned(),
        })
    }
}

/// Keys and values that whoever sells has put on an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// The value under that key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Every key with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Metadata(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl<'de> Deserialize<'de> for Metadata {
    /// Null reads as empty, and so does a null value, which in `previous_attributes` stands for a key that was not
    /// there. Stripe's values are strings; any other is left out, for nothing here could be meant by it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Option::<BTreeMap<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
        if pairs.len() > METADATA_KEYS_MAX {
            return Err(serde::de::Error::custom("too many keys"));
        }
        let text = |(key, value)| match value {
            Value::String(value) => Some((key, value)),
            _ => None,
        };
        Ok(Metadata(pairs.into_iter().filter_map(text).collect()))
    }
}

/// A field that holds another object's id, or that object itself where it was expanded
/// (<https://docs.stripe.com/api/expanding_objects>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expandable<T> {
    /// Its id.
    Id(String),
    /// The object.
    Object(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Expandable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdOrObject<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for IdOrObject<T> {
            type Value = Expandable<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id or an object")
            }

            fn visit_str<E>(self, id: &str) -> Result<Self::Value, E> {
                Ok(Expandable::Id(id.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Expandable::Object)
            }
        }
        deserializer.deserialize_any(IdOrObject(PhantomData))
    }
}

/// An object of which only the id matters, wherever Stripe may expand it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Identified {
    id: String,
}

impl Expandable<Identified> {
    /// The id, in either form.
    pub(super) fn into_id(self) -> String {
        match self {
            Expandable::Id(id) | Expandable::Object(Identified { id }) => id,
        }
    }
}

/// A page of a list, as it stands on the wire.
#[derive(Deserialize)]
pub(super) struct WirePage<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

impl<T: DeserializeOwned> WirePage<T> {
    /// Reads a page.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let page: Self = serde_json::from_slice(body)?;
        if page.data.len() > PAGE_OBJECTS_MAX {
            return Err(Unreadable(format!("more than {PAGE_OBJECTS_MAX} objects on a page")));
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_as_texts_by_key() {
        let cases = [
            ("as Stripe writes it", r#"{"a": "1", "b": ""}"#, vec![("a", "1"), ("b", "")]),
            ("none", "{}", vec![]),
            ("null", "null", vec![]),
            ("a key that was not there before", r#"{"a": null, "b": "2"}"#, vec![("b", "2")]),
            ("what is no text is left out", r#"{"a": 1, "b": ["x"], "c": "3"}"#, vec![("c", "3")]),
        ];
        for (why, json, want) in cases {
            let metadata: Metadata = serde_json::from_str(json).unwrap();
            assert_eq!(metadata.iter().collect::<Vec<_>>(), want, "{why}");
        }
    }

    #[test]
    fn metadata_has_at_most_as_many_keys_as_stripe_allows() {
        for (keys, taken) in [(METADATA_KEYS_MAX, true), (METADATA_KEYS_MAX + 1, false)] {
            let pairs: BTreeMap<_, _> = (0..keys).map(|n| (format!("k{n}"), "v")).collect();
            let json = serde_json::to_string(&pairs).unwrap();
            assert_eq!(serde_json::from_str::<Metadata>(&json).is_ok(), taken, "{keys} keys");
        }
    }

    #[test]
    fn an_expandable_field_is_an_id_or_an_object() {
        let read = |json| serde_json::from_str::<Expandable<Identified>>(json).map(Expandable::into_id);
        assert_eq!(read(r#""cus_1""#).unwrap(), "cus_1");
        assert_eq!(read(r#"{"object": "customer", "id": "cus_1"}"#).unwrap(), "cus_1");
        assert!(read("7").is_err());
        assert!(read(r#"{"object": "customer"}"#).is_err());
    }

    #[test]
    fn a_page_is_bounded() {
        for (objects, taken) in [(PAGE_OBJECTS_MAX, true), (PAGE_OBJECTS_MAX + 1, false)] {
            let body = format!(r#"{{"data": [{}], "has_more": true}}"#, vec!["1"; objects].join(","));
            assert_eq!(WirePage::<u8>::parse(body.as_bytes()).is_ok(), taken, "{objects} objects");
        }
    }

    #[test]
    fn an_error_names_the_place_and_repeats_no_value() {
        let error = serde_json::from_str::<Identified>(r#"{"id": {"secret": "hush"}}"#).unwrap_err();
        let text = Unreadable::from(error).to_string();
        assert!(text.contains("line 1") && !text.contains("hush"), "{text}");
        let cut = serde_json::from_str::<Identified>(r#"{"id": "#).unwrap_err();
        assert_eq!(Unreadable::from(cut).to_string(), "not as Stripe's API describes it: no JSON");
    }
}
