//! Deserializes a JSON value into typed fields, with the path and a cure in every error. Errors repeat no
//! text that may be a secret.
//!
//! serde_json's own deserializer does not fit, for three reasons: an error must keep its parts (which field
//! is unknown, which fields are known), null must be refused instead of read as absent, and an integer may be
//! a string of digits, as in a `google.protobuf.Struct` from Envoy with integers beyond 32 bits.

use super::error::{Checked, quote};
use super::example::Example;
use super::field_error::FieldError;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess};
use serde::de::{Unexpected, VariantAccess, Visitor};
use serde_json::{Value, map};
use std::iter::Enumerate;
use std::slice;

/// Reads a value of type `T` outside of all sections.
pub(super) fn from_value<'a, T: de::Deserialize<'a>>(value: &'a Value) -> Checked<T> {
    T::deserialize(At(value)).map_err(|error| error.into_error(&[]))
}

/// Reads a section, or returns `None` if it is absent. `examples` has the examples of its fields.
pub(super) fn from_section<'a, T: de::Deserialize<'a>>(
    value: &'a Value,
    name: &str,
    examples: &[Example],
) -> Option<Checked<T>> {
    let field = value.get(name)?;
    Some(T::deserialize(At(field)).map_err(|error| error.in_field(name).into_error(examples)))
}

/// A value of the document, to be deserialized.
#[derive(Clone, Copy)]
struct At<'a>(&'a Value);

/// Conversions apart from the visitors, so that they are compiled once and not for each of the many visitors.
impl<'a> At<'a> {
    #[cold]
    #[inline(never)]
    fn mismatch(self, expected: &str) -> FieldError {
        let found = match self.0 {
            Value::Null => "nothing (null)",
            Value::Bool(_) => "true or false",
            Value::Number(number) if number.is_f64() => "a fraction",
            Value::Number(number) if number.is_i64() && !number.is_u64() => "a negative number",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "fields",
        };
        FieldError::mismatch(found, expected)
    }

    /// Returns an integer. It may be written as a string, with or without `.0` at the end.
    #[inline(never)]
    fn whole(self) -> Result<u64, FieldError> {
        let whole = match self.0 {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => {
                let digits = match text.split_once('.') {
                    Some((digits, fraction)) if fraction.bytes().all(|b| b == b'0') => Some(digits),
                    Some(_) => None,
                    None => Some(text.as_str()),
                };
                let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
                digits.and_then(|digits| digits.parse().ok())
            }
            _ => None,
        };
        whole.ok_or_else(|| self.mismatch("a whole number"))
    }

    fn bool(self) -> Result<bool, FieldError> {
        self.0.as_bool().ok_or_else(|| self.mismatch("true or false"))
    }

    #[inline(never)]
    fn text(self) -> Result<&'a str, FieldError> {
        self.0.as_str().ok_or_else(|| self.mismatch("a text"))
    }

    #[inline(never)]
    fn items(self) -> Result<Items<'a>, FieldError> {
        let list = self.0.as_array().ok_or_else(|| self.mismatch("a list"))?;
        Ok(Items(list.iter().enumerate()))
    }

    #[inline(never)]
    fn entries(self) -> Result<MapEntries<'a>, FieldError> {
        let map = self.0.as_object().ok_or_else(|| self.mismatch("fields"))?;
        Ok(MapEntries { entries: map.iter(), value: None })
    }

    #[inline(never)]
    fn choice(self, variants: &[&str]) -> Result<Choice<'a>, FieldError> {
        match self.0 {
            Value::String(name) => Ok(Choice { name, content: None }),
            // YAML before 1.2 reads a bare `off` as false, and so does Envoy.
            Value::Bool(false) if variants.contains(&"off") => Ok(Choice { name: "off", content: None }),
            Value::Object(map) => {
                let mut entries = map.iter();
                match (entries.next(), entries.next()) {
                    (Some((name, content)), None) => Ok(Choice { name, content: Some(content) }),
                    _ => Err(FieldError::new(format!("expected exactly one of {}", variants.join(", ")))),
                }
            }
            _ => Err(self.mismatch(&format!("one of {}", variants.join(", ")))),
        }
    }
}

impl<'de> Deserializer<'de> for At<'de> {
    type Error = FieldError;

    /// Deserializes a text or a list: no field of the document has any other choice of types.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        match self.0 {
            Value::String(_) => self.deserialize_str(visitor),
            Value::Array(_) => self.deserialize_seq(visitor),
            _ => Err(self.mismatch(&(&visitor as &dyn Expected).to_string())),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_bool(self.bool()?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_u64(self.whole()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_borrowed_str(self.text()?)
    }

    /// Accepts any value: a section is only known to be present here, and its filter reads it separately.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_unit()
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_seq(self.items()?)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_map(self.entries()?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        visitor.visit_enum(self.choice(variants)?)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct identifier
    }
}

/// The items of a list.
struct Items<'a>(Enumerate<slice::Iter<'a, Value>>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = FieldError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, FieldError> {
        let Some((index, item)) = self.0.next() else { return Ok(None) };
        seed.deserialize(At(item)).map(Some).map_err(|error| error.in_item(index))
    }
}

/// The fields of a mapping.
struct MapEntries<'a> {
    entries: map::Iter<'a>,
    /// The field whose key was read last.
    value: Option<(&'a str, &'a Value)>,
}

impl<'de> MapAccess<'de> for MapEntries<'de> {
    type Error = FieldError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, FieldError> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some((key, value));
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, FieldError> {
        let (key, value) = self.value.take().unwrap_or(("", &Value::Null));
        seed.deserialize(At(value)).map_err(|error| error.in_field(key))
    }
}

/// An enum variant: its name alone, or with its content.
struct Choice<'a> {
    name: &'a str,
    content: Option<&'a Value>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = FieldError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), FieldError> {
        Ok((seed.deserialize(BorrowedStrDeserializer::new(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = FieldError;

    fn unit_variant(self) -> Result<(), FieldError> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(FieldError::new(format!("{} takes no value", quote(self.name)))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, FieldError> {
        let content =
            self.content.ok_or_else(|| FieldError::new(format!("{} needs a value", quote(self.name))))?;
        seed.deserialize(At(content)).map_err(|error| error.in_field(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, FieldError> {
        Err(de::Error::invalid_type(Unexpected::TupleVariant, &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        Err(de::Error::invalid_type(Unexpected::StructVariant, &visitor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn an_integer_may_be_a_string_of_digits() {
        let cases = [
            ("a number", json!(5), Ok(5)),
            ("as a Struct holds 3e9", json!("3000000000"), Ok(3_000_000_000)),
            ("as a Struct holds 1e15", json!("1000000000000000.0"), Ok(1_000_000_000_000_000)),
            ("a fraction", json!(0.5), Err("expected a whole number, found a fraction")),
            ("a fraction as text", json!("0.5"), Err("expected a whole number, found a text")),
            ("negative", json!(-1), Err("expected a whole number, found a negative number")),
            ("with a sign", json!("+1"), Err("expected a whole number, found a text")),
            ("beyond 64 bits", json!("18446744073709551616"), Err("expected a whole number, found a text")),
            ("empty", json!(""), Err("expected a whole number, found a text")),
            ("null", json!(null), Err("expected a whole number, found nothing (null)")),
        ];
        for (why, value, want) in cases {
            let read = from_value::<u64>(&value).map_err(|error| error.problem);
            assert_eq!(read.as_ref().map_err(String::as_str).copied(), want, "{why}");
        }
    }

    #[test]
    fn errors_have_the_exact_path_and_unusual_keys_are_quoted() {
        let cases = [
            (json!({"a": [[1], [2, "x"]]}), "a[1][1]"),
            (json!({"a\nb": [["x"]]}), "\"a\\nb\"[0][0]"),
            (json!({"sk_live_1": [["x"]]}), "***[0][0]"),
        ];
        for (value, path) in cases {
            let error = from_value::<BTreeMap<String, Vec<Vec<u64>>>>(&value).unwrap_err();
            assert_eq!(error.path, path);
        }
    }
}
