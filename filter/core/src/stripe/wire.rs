//! Parser of Stripe's JSON. A null member is read as absent; an error names the member, never its value.

use super::object::{Metadata, UnreadableError};
use crate::json;
use serde_json::{Map, Value};

/// The maximum number of objects in a page, which is the page size of all requests and Stripe's maximum.
pub const PAGE_OBJECTS_MAX: usize = 100;

/// Parses a body.
pub(super) fn value(body: &[u8]) -> Result<Value, UnreadableError> {
    json::read(body).map_err(|_| UnreadableError("no JSON"))
}

/// Parses a body that is a page of a list, each of its objects by `read`.
pub(super) fn parse_page<T>(
    body: &[u8],
    read: impl Fn(Object<'_>) -> Result<T, UnreadableError>,
) -> Result<Vec<T>, UnreadableError> {
    let body = value(body)?;
    Object::from_value(&body)?.page()?.iter().map(|object| read(Object::from_value(object)?)).collect()
}

/// A JSON object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a>(&'a Map<String, Value>);

impl<'a> Object<'a> {
    /// Returns the value as an object.
    pub(super) fn from_value(value: &'a Value) -> Result<Self, UnreadableError> {
        value.as_object().map(Object).ok_or(UnreadableError("no object"))
    }

    /// Returns a member; `None` if it is absent or null.
    pub(super) fn member(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Returns an optional string.
    pub(super) fn text(self, name: &'static str) -> Result<Option<&'a str>, UnreadableError> {
        self.member(name).map(|value| value.as_str().ok_or(UnreadableError(name))).transpose()
    }

    /// Returns an optional string as an owned value.
    pub(super) fn owned_text(self, name: &'static str) -> Result<Option<String>, UnreadableError> {
        Ok(self.text(name)?.map(str::to_owned))
    }

    /// Returns a string that is only informative; a value of another type is read as absent.
    pub(super) fn optional_text(self, name: &str) -> Option<&'a str> {
        self.member(name).and_then(Value::as_str)
    }

    /// Returns an unsigned integer that is only informative; a value of another type is read as absent.
    pub(super) fn optional_number(self, name: &str) -> Option<u64> {
        self.member(name).and_then(Value::as_u64)
    }

    /// Returns a required string.
    pub(super) fn needed_text(self, name: &'static str) -> Result<&'a str, UnreadableError> {
        self.text(name)?.ok_or(UnreadableError(name))
    }

    /// Returns an optional unsigned integer.
    pub(super) fn number(self, name: &'static str) -> Result<Option<u64>, UnreadableError> {
        self.member(name).map(|value| value.as_u64().ok_or(UnreadableError(name))).transpose()
    }

    /// Returns a required unsigned integer.
    pub(super) fn needed_number(self, name: &'static str) -> Result<u64, UnreadableError> {
        self.number(name)?.ok_or(UnreadableError(name))
    }

    /// Returns whether a flag is set. It may be absent, but not null, because an unknown value must not be
    /// read as false.
    pub(super) fn is_set(self, name: &'static str) -> Result<bool, UnreadableError> {
        self.0.get(name).map_or(Ok(false), |value| value.as_bool().ok_or(UnreadableError(name)))
    }

    /// Returns an optional object.
    pub(super) fn object(self, name: &'static str) -> Result<Option<Self>, UnreadableError> {
        self.member(name).map(|value| value.as_object().map(Object).ok_or(UnreadableError(name))).transpose()
    }

    /// Returns a required object.
    pub(super) fn needed_object(self, name: &'static str) -> Result<Self, UnreadableError> {
        self.object(name)?.ok_or(UnreadableError(name))
    }

    /// Returns the id in a field that contains another object's id, or the object itself if it was expanded
    /// (<https://docs.stripe.com/api/expanding_objects>).
    pub(super) fn id_of(self, name: &'static str) -> Result<Option<&'a str>, UnreadableError> {
        match self.expanded(name)? {
            Some(object) => object.needed_text("id").map(Some),
            None => self.text(name),
        }
    }

    /// Returns the object in such a field, if it was expanded.
    pub(super) fn expanded(self, name: &'static str) -> Result<Option<Self>, UnreadableError> {
        match self.member(name) {
            Some(Value::String(_)) => Ok(None),
            _ => self.object(name),
        }
    }

    /// Returns the objects of this page of a list.
    pub(super) fn page(self) -> Result<&'a [Value], UnreadableError> {
        match self.member("data") {
            Some(Value::Array(objects)) if objects.len() <= PAGE_OBJECTS_MAX => Ok(objects),
            _ => Err(UnreadableError("data")),
        }
    }

    /// Returns the object's metadata; empty if there is none.
    pub(super) fn metadata(self) -> Result<Metadata, UnreadableError> {
        Ok(self.object("metadata")?.map(|object| Metadata::read(object.0)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_member_is_there_absent_or_wrong() {
        let value = json!({"t": "x", "n": 7, "f": true, "o": {"t": "y"}, "null": null});
        let object = Object::from_value(&value).unwrap();
        assert_eq!(
            (object.text("t"), object.text("none"), object.text("null")),
            (Ok(Some("x")), Ok(None), Ok(None))
        );
        assert_eq!(
            (object.text("n"), object.needed_text("null")),
            (Err(UnreadableError("n")), Err(UnreadableError("null")))
        );
        assert_eq!((object.number("n"), object.number("t")), (Ok(Some(7)), Err(UnreadableError("t"))));
        assert_eq!(
            (object.optional_text("t"), object.optional_text("n"), object.optional_number("n")),
            (Some("x"), None, Some(7))
        );
        assert_eq!((object.is_set("f"), object.is_set("none")), (Ok(true), Ok(false)));
        assert_eq!(object.is_set("null"), Err(UnreadableError("null")));
        assert_eq!(object.object("o").unwrap().unwrap().needed_text("t"), Ok("y"));
        assert!(object.object("t").is_err() && object.object("none").unwrap().is_none());
    }

    #[test]
    fn only_whole_numbers_from_0_are_numbers() {
        for (number, taken) in
            [(json!(0), true), (json!(u64::MAX), true), (json!(-1), false), (json!(1.0), false)]
        {
            assert_eq!(
                Object::from_value(&json!({"n": number})).unwrap().number("n").is_ok(),
                taken,
                "{number}"
            );
        }
    }

    #[test]
    fn an_expandable_field_is_an_id_or_an_object() {
        let cases = [
            ("an id", json!("cus_1"), Ok(Some("cus_1")), false),
            ("the object", json!({"object": "customer", "id": "cus_1"}), Ok(Some("cus_1")), true),
            ("null", json!(null), Ok(None), false),
            ("a number", json!(7), Err(UnreadableError("customer")), false),
            ("an object without an id", json!({"object": "customer"}), Err(UnreadableError("id")), true),
        ];
        for (why, field, want, expanded) in cases {
            let value = json!({"customer": field});
            let object = Object::from_value(&value).unwrap();
            assert_eq!(object.id_of("customer"), want, "{why}");
            assert_eq!(object.expanded("customer").is_ok_and(|object| object.is_some()), expanded, "{why}");
        }
    }

    #[test]
    fn a_page_is_bounded() {
        for (objects, taken) in [(PAGE_OBJECTS_MAX, true), (PAGE_OBJECTS_MAX + 1, false)] {
            let body = json!({"data": vec![1; objects], "has_more": true});
            assert_eq!(Object::from_value(&body).unwrap().page().is_ok(), taken, "{objects} objects");
        }
    }

    #[test]
    fn an_error_names_the_place_and_repeats_no_value() {
        let body = value(br#"{"id": {"secret": "hush"}}"#).unwrap();
        let error = Object::from_value(&body).unwrap().text("id").unwrap_err();
        assert_eq!(error.to_string(), "it does not match Stripe's API reference: id");
        let cut = value(br#"{"id": "#).unwrap_err();
        assert_eq!(cut.to_string(), "it does not match Stripe's API reference: no JSON");
    }
}
