//! From a JSON value to typed fields, with the path and a cure in every error. Repeats no text that may be a secret.
//!
//! It is a deserializer of its own, not serde_json's, for three reasons: an error keeps its parts (which field is
//! unknown, which ones are known), null is refused instead of read as "not there", and an integer may be a string of
//! digits, which is how a `google.protobuf.Struct` from Envoy holds what is beyond 32 bits.

use super::error::{Checked, ConfigError, quote};
use super::example;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess};
use serde::de::{Unexpected, VariantAccess, Visitor};
use serde_json::{Value, map};
use std::fmt;
use std::iter::Enumerate;
use std::slice;

/// Reads a value of type `T`.
pub(super) fn from_value<'a, T: de::Deserialize<'a>>(value: &'a Value) -> Checked<T> {
    T::deserialize(At(value)).map_err(Fault::into_error)
}

/// A [`ConfigError`] whose path is still growing, from the inside out.
///
/// While there is no cure in it, the cure is an example of what belongs at the path.
#[derive(Debug)]
struct Fault(Box<ConfigError>);

impl Fault {
    fn new(problem: String) -> Self {
        Fault(ConfigError::new("", problem, ""))
    }

    fn mismatch(found: &str, expected: &str) -> Self {
        Fault::new(format!("expected {expected}, found {found}"))
    }

    #[cold]
    #[inline(never)]
    fn inside(mut self, segment: &str) -> Self {
        let path = &mut self.0.path;
        let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        *path = format!("{segment}{dot}{path}");
        self
    }

    #[cold]
    #[inline(never)]
    fn under(self, key: &str) -> Self {
        self.inside(&segment(key))
    }

    #[cold]
    #[inline(never)]
    fn at_place(self, place: usize) -> Self {
        self.inside(&format!("[{place}]"))
    }

    /// The cure for a name that is not among the known ones.
    fn with_known(mut self, name: &str, known: &[&str]) -> Self {
        self.0.cure = match nearest(name, known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known here: {}", known.join(", ")),
        };
        self
    }

    fn into_error(mut self) -> Box<ConfigError> {
        if self.0.cure.is_empty() {
            self.0.cure = example::cure(&self.0.path);
        }
        self.0
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.path, self.0.problem)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    #[cold]
    #[inline(never)]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::new(message.to_string())
    }

    #[cold]
    #[inline(never)]
    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Fault::new(format!("expected {expected}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    #[cold]
    #[inline(never)]
    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Fault::new(format!("unknown value {}", quote(variant))).with_known(variant, expected)
    }

    #[cold]
    #[inline(never)]
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let fault = Fault::new("unknown field".to_owned()).with_known(field, expected);
        fault.inside(&segment(field))
    }

    #[cold]
    #[inline(never)]
    fn missing_field(field: &'static str) -> Self {
        Fault::new("missing".to_owned()).inside(field)
    }

    /// A JSON object has no key twice.
    #[cold]
    #[inline(never)]
    fn duplicate_field(field: &'static str) -> Self {
        Fault::new("stands there twice".to_owned()).inside(field)
    }
}

/// A key as it stands in a path: plain if it looks like one of ours.
fn segment(key: &str) -> String {
    let plain = key.len() <= 64 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    let quoted = quote(key);
    if plain && quoted != "***" { key.to_owned() } else { quoted }
}

/// The known name that a misspelt one is an edit or two away from.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    /// Longer names are compared with none: the work grows with the length.
    const NAME_BYTES_MAX: usize = 64;
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let near = |known: &&str| edits(name, known) <= (known.len() / 3).clamp(1, 2);
    known.iter().copied().filter(near).min_by_key(|known| edits(name, known))
}

/// How many letters must be put in, left out or replaced to make `to` out of `from` (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (place, letter) in from.bytes().enumerate() {
        let (mut diagonal, mut left) = (place, place.saturating_add(1));
        for (cell, wanted) in row.iter_mut().skip(1).zip(to.bytes()) {
            let replaced = diagonal.saturating_add(usize::from(letter != wanted));
            diagonal = *cell;
            left = replaced.min(diagonal.saturating_add(1)).min(left.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// A place in the document.
#[derive(Clone, Copy)]
struct At<'a>(&'a Value);

/// What belongs there, apart from the visitors: those are many, and this is compiled once.
impl<'a> At<'a> {
    #[cold]
    fn mismatch(self, expected: &str) -> Fault {
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
        Fault::mismatch(found, expected)
    }

    /// An integer, or a text that writes one, maybe with `.0` behind it.
    #[inline(never)]
    fn whole(self) -> Result<u64, Fault> {
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

    fn bool(self) -> Result<bool, Fault> {
        self.0.as_bool().ok_or_else(|| self.mismatch("true or false"))
    }

    #[inline(never)]
    fn text(self) -> Result<&'a str, Fault> {
        self.0.as_str().ok_or_else(|| self.mismatch("a text"))
    }

    #[inline(never)]
    fn items(self) -> Result<Items<'a>, Fault> {
        let list = self.0.as_array().ok_or_else(|| self.mismatch("a list"))?;
        Ok(Items(list.iter().enumerate()))
    }

    #[inline(never)]
    fn entries(self) -> Result<Entries<'a>, Fault> {
        let map = self.0.as_object().ok_or_else(|| self.mismatch("fields"))?;
        Ok(Entries { entries: map.iter(), value: None })
    }

    #[inline(never)]
    fn choice(self, variants: &[&str]) -> Result<Choice<'a>, Fault> {
        match self.0 {
            Value::String(name) => Ok(Choice { name, content: None }),
            // YAML before 1.2, and Envoy's reader to this day, takes a bare `off` for false.
            Value::Bool(false) if variants.contains(&"off") => Ok(Choice { name: "off", content: None }),
            Value::Object(map) => {
                let mut entries = map.iter();
                match (entries.next(), entries.next()) {
                    (Some((name, content)), None) => Ok(Choice { name, content: Some(content) }),
                    _ => Err(Fault::new(format!("expected exactly one of {}", variants.join(", ")))),
                }
            }
            _ => Err(self.mismatch(&format!("one of {}", variants.join(", ")))),
        }
    }
}

impl<'de> Deserializer<'de> for At<'de> {
    type Error = Fault;

    /// For what may be a text or a list; nothing in the document may be of any other two kinds.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(_) => self.deserialize_str(visitor),
            Value::Array(_) => self.deserialize_seq(visitor),
            _ => Err(self.mismatch(&(&visitor as &dyn Expected).to_string())),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_bool(self.bool()?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u64(self.whole()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(self.items()?)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(self.entries()?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(self.choice(variants)?)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct identifier ignored_any
    }
}

/// The items of a list.
struct Items<'a>(Enumerate<slice::Iter<'a, Value>>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((place, item)) = self.0.next() else { return Ok(None) };
        seed.deserialize(At(item)).map(Some).map_err(|fault| fault.at_place(place))
    }
}

/// The fields of a mapping.
struct Entries<'a> {
    entries: map::Iter<'a>,
    /// The field whose key was read last.
    value: Option<(&'a str, &'a Value)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some((key, value));
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, value) = self.value.take().unwrap_or(("", &Value::Null));
        seed.deserialize(At(value)).map_err(|fault| fault.under(key))
    }
}

/// One of several forms: its name alone, or with what belongs to it.
struct Choice<'a> {
    name: &'a str,
    content: Option<&'a Value>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        Ok((seed.deserialize(BorrowedStrDeserializer::new(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(Fault::new(format!("{} stands alone, without fields", quote(self.name)))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let content =
            self.content.ok_or_else(|| Fault::new(format!("{} needs a value", quote(self.name))))?;
        seed.deserialize(At(content)).map_err(|fault| fault.under(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        Err(de::Error::invalid_type(Unexpected::TupleVariant, &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
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
    fn the_path_leads_to_the_place_and_strange_keys_are_quoted() {
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

    #[test]
    fn a_misspelt_name_finds_the_nearest_known_one() {
        let known = ["rules", "issuer", "cookie", "shadow"];
        let cases = [
            ("rule", Some("rules")),
            ("isuer", Some("issuer")),
            ("cokies", Some("cookie")),
            ("roles", Some("rules")),
            ("roless", None),
            ("", None),
            ("plan_gate", None),
        ];
        for (name, near) in cases {
            assert_eq!(nearest(name, &known), near, "{name}");
        }
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(nearest(&"x".repeat(1 << 20), &known), None);
    }
}
