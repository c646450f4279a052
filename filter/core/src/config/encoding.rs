//! Reads the bytes of the configuration, in either of the two encodings that Envoy passes, as one JSON value.

use super::error::{Checked, ConfigError};
use super::struct_value;
use crate::json;
use serde_json::Value;

/// The largest accepted document, in bytes.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 1 << 20;

const FORM: &str =
    "give it as JSON text in a google.protobuf.StringValue, or as plain fields in a google.protobuf.Struct";

/// Reads the document's JSON text or the bytes of a `google.protobuf.Struct`.
pub(super) fn read(document: &[u8]) -> Checked<Value> {
    if document.len() > DOCUMENT_BYTES_MAX {
        let problem = format!("the configuration is larger than {DOCUMENT_BYTES_MAX} bytes");
        return Err(ConfigError::new("", problem, "make it smaller"));
    }
    if document.trim_ascii().is_empty() {
        return Err(ConfigError::new("", "there is no configuration", FORM));
    }
    if is_text(document) {
        return match json::read_document(document) {
            Ok(value) => Ok(with_integers(value)),
            Err(error) => Err(ConfigError::new("", format!("the configuration is not JSON: {error}"), FORM)),
        };
    }
    struct_value::decode(document).map_err(|error| {
        let problem = format!("the configuration is neither JSON text nor a google.protobuf.Struct: {error}");
        ConfigError::new("", problem, FORM)
    })
}

/// Returns whether the document is JSON text, not a `Struct`.
///
/// JSON text starts with `{`, possibly after whitespace. A `Struct` starts with the byte 0x0a, which is also
/// a line break, and a length that equals `{` may follow. But it has a byte 0x12 before each value, which
/// JSON text never contains.
fn is_text(document: &[u8]) -> bool {
    /// The tag of a length-delimited field 2, which holds the value of a map entry.
    const VALUE_TAG: u8 = 0x12;
    document.trim_ascii_start().starts_with(b"{") && !document.contains(&VALUE_TAG)
}

/// Converts whole doubles to integers, so that `5.0` means 5 in both encodings.
fn with_integers(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            number.as_f64().and_then(struct_value::number).unwrap_or(Value::Number(number))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(with_integers).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, with_integers(value))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]
    use super::super::struct_value::tests::encode;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_struct_whose_length_looks_like_a_brace_is_not_read_as_text() {
        for length in 100..140 {
            let object = json!({"k": "v".repeat(length)});
            let bytes = encode(object.as_object().unwrap(), false);
            assert_eq!(read(&bytes).unwrap(), object, "an entry of {:?}", bytes[1]);
        }
        let text = b"\n{\n                                  \"a\": [1, 2.0, 0.5, -1, null, true, {}]}";
        assert_eq!(read(text).unwrap(), json!({"a": [1, 2, 0.5, -1, null, true, {}]}));
    }

    #[test]
    fn other_encodings_are_refused_with_the_reason() {
        let too_long = vec![b' '; DOCUMENT_BYTES_MAX + 1];
        let cases: [(&str, &[u8], &str); 9] = [
            ("nothing", b"", "there is no configuration"),
            ("blanks", b" \n", "there is no configuration"),
            ("YAML", b"plans: []", "neither JSON text nor"),
            ("a list", b"[]", "neither JSON text nor"),
            ("JSON cut off", b"{\"a\": ", "not JSON: EOF"),
            ("something after it", b"{} {}", "not JSON: trailing characters at line 1 column 4"),
            ("a key twice", b"{\"a\": 1,\n \"a\": 2}", "the key \"a\" appears twice at line 2"),
            ("text that is not UTF-8", b"{\"a\": \"\xff\"}", "not JSON: invalid unicode code point"),
            ("too long", &too_long, "larger than 1048576 bytes"),
        ];
        for (why, document, words) in cases {
            let error = read(document).unwrap_err().to_string();
            assert!(error.contains(words), "{why}: {error}");
        }
        let deepest = [b"{\"a\":".repeat(127), b"1".to_vec(), b"}".repeat(127)].concat();
        assert!(read(&deepest).is_ok());
        let deeper = [b"{\"a\":".repeat(500_000 / 5), b"1".to_vec(), b"}".repeat(500_000 / 5)].concat();
        assert!(read(&deeper).unwrap_err().problem.contains("recursion limit"));
    }

    #[test]
    fn a_document_of_just_the_largest_size_is_read() {
        let mut document = b"{}".to_vec();
        document.resize(DOCUMENT_BYTES_MAX, b' ');
        assert_eq!(read(&document).unwrap(), json!({}));
    }
}
