//! Reads JSON without duplicate names in any object: readers would disagree about which value counts.

use super::replaced;
use crate::secret::quote;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Reads one JSON object with nothing after it. Returns `None` for anything else, or if a name is duplicate.
/// Unrepresentable values are replaced (see [`replaced::read`]); the caller limits the length.
pub(crate) fn read_object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match replaced::read(bytes) {
        Ok(UniqueNames(Value::Object(object))) => Some(object),
        _ => None,
    }
}

/// Reads one JSON value with nothing after it. Nothing is replaced, because an operator can correct the
/// document.
///
/// # Errors
/// If the bytes are not JSON, a value is unrepresentable, or a name is duplicate. The error has the line and
/// the column, and no text that looks like a secret.
pub(crate) fn read_document(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(bytes).map(|UniqueNames(value)| value)
}

/// A value without duplicate names.
struct UniqueNames(Value);

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(UniqueNames)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(UniqueNames(value)) = access.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, UniqueNames(value))) = access.next_entry::<String, UniqueNames>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the key {} appears twice", quote(&name))));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_object_without_duplicate_names_is_accepted() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        let cases: [(&str, &[u8], bool); 15] = [
            ("an object", br#" {"a":1,"b":[true,null,"x",-2,0.5,{"a":{}}]} "#, true),
            ("an empty object", b"{}", true),
            ("a name twice", br#"{"a":1,"a":1}"#, false),
            ("a name twice, once escaped", br#"{"a":1,"\u0061":1}"#, false),
            ("a name twice further in", br#"{"o":[{"x":{"a":1,"a":2}}]}"#, false),
            ("the same name in two objects", br#"{"o":{"a":1},"p":{"a":1}}"#, true),
            ("an array", b"[]", false),
            ("something after it", b"{} {}", false),
            ("a comma too many", br#"{"a":1,}"#, false),
            ("a byte order mark", b"\xef\xbb\xbf{}", false),
            ("invalid UTF-8", b"{\"a\":\"\xff\"}", false),
            ("half of a surrogate pair", br#"{"a":"\ud800"}"#, true),
            ("a number beyond what is representable", br#"{"a":1e400}"#, true),
            ("deeper than is read", deep.as_bytes(), true),
            ("a name twice beside half of a surrogate pair", br#"{"a":1,"a":"\ud800"}"#, false),
        ];
        for (why, text, taken) in cases {
            assert_eq!(read_object(text).is_some(), taken, "{why}");
        }
    }

    #[test]
    fn an_accepted_object_is_read_completely() {
        let text = br#"{"a":[1,-1,1.5,"x",true,null],"b":{"c":{}}}"#;
        let plain: Value = serde_json::from_slice(text).unwrap();
        assert_eq!(Value::Object(read_object(text).unwrap()), plain);
    }
}
