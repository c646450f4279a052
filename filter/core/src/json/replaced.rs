//! Reads external JSON, and replaces legal values that `serde_json` cannot represent, so that the rest can be
//! read.
//!
//! The owner of the Stripe account, and users in Clerk's `unsafe_metadata`, can put any text into objects.
//! Three values are legal JSON (RFC 8259 §8.2, §9) but an error in `serde_json`: half a surrogate pair,
//! nesting deeper than its limit, and a number beyond `f64`. None of them can be part of a valid id, plan
//! name, or time, so they are replaced by values that equal none of these.

use serde::de::DeserializeOwned;

/// The deepest nesting of objects and arrays. Lower than the limit of `serde_json`, which is 128, and much
/// higher than that of Stripe's and Clerk's own fields.
const DEPTH_MAX: usize = 100;

/// The replacement of half a surrogate pair: U+FFFD, which no id, plan name, or configured key contains.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// Reads one JSON document. Half a surrogate pair reads as U+FFFD, an object or array deeper than
/// [`DEPTH_MAX`] as an empty one, and a number beyond `f64` as a very large one.
///
/// # Errors
/// If the bytes are not JSON, or not of the form of `T`.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes).or_else(|error| match Replacer::replace(bytes) {
        Some(replaced) => serde_json::from_slice(&replaced),
        None => Err(error),
    })
}

/// The state of the replacement. It only reads tokens: the parser of the result checks the grammar.
struct Replacer<'a> {
    rest: &'a [u8],
    out: Vec<u8>,
    /// The open brackets.
    open: Vec<u8>,
}

impl<'a> Replacer<'a> {
    /// Returns the document with the replacements; `None` if a bracket or a quote is not closed.
    fn replace(bytes: &'a [u8]) -> Option<Vec<u8>> {
        let mut document = Replacer { rest: bytes, out: Vec::with_capacity(bytes.len()), open: Vec::new() };
        while let Some((&first, after)) = document.rest.split_first() {
            match first {
                b'"' => document.string()?,
                b'-' | b'0'..=b'9' => document.number(),
                b'[' | b'{' => document.enter(first),
                b']' | b'}' => document.leave(first)?,
                _ => {
                    document.put(&[first]);
                    document.rest = after;
                }
            }
        }
        document.open.is_empty().then_some(document.out)
    }

    /// Adds bytes to the result, unless they are nested too deep.
    fn put(&mut self, bytes: &[u8]) {
        if self.open.len() <= DEPTH_MAX {
            self.out.extend_from_slice(bytes);
        }
    }

    /// Removes `count` bytes from the rest, and returns them.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// Takes an opening bracket. The brackets around values that are nested too deep are kept.
    fn enter(&mut self, bracket: u8) {
        self.take(1);
        self.put(&[bracket]);
        self.open.push(bracket);
    }

    fn leave(&mut self, bracket: u8) -> Option<()> {
        self.take(1);
        let counterpart = if bracket == b']' { b'[' } else { b'{' };
        (self.open.pop()? == counterpart).then(|| self.put(&[bracket]))
    }

    fn string(&mut self) -> Option<()> {
        let quote = self.take(1);
        self.put(quote);
        loop {
            match *self.rest {
                [b'"', ..] => {
                    let quote = self.take(1);
                    self.put(quote);
                    return Some(());
                }
                [b'\\', b'u', ..] => self.code_unit(),
                [b'\\', ..] => {
                    let escape = self.take(2);
                    self.put(escape);
                }
                [_, ..] => {
                    let plain = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
                    let text = self.take(plain.unwrap_or(self.rest.len()));
                    self.put(text);
                }
                [] => return None,
            }
        }
    }

    /// Takes a code unit of UTF-16, or a surrogate pair.
    fn code_unit(&mut self) {
        let count = match (code_unit(self.rest), self.rest.get(6..).and_then(code_unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                self.take(6);
                return self.put(REPLACEMENT);
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        let escape = self.take(count);
        self.put(escape);
    }

    fn number(&mut self) {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = self.rest.iter().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        let number = self.take(end);
        let value = std::str::from_utf8(number).ok().and_then(|text| text.parse::<f64>().ok());
        match value {
            Some(f64::INFINITY) => self.put(b"1e308"),
            Some(f64::NEG_INFINITY) => self.put(b"-1e308"),
            _ => self.put(number),
        }
    }
}

/// Returns the code unit of an escape `\uXXXX`.
fn code_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    let hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().filter(|_| hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn nested(depth: usize, inside: &str) -> String {
        format!("{}{inside}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn unrepresentable_values_are_replaced_and_the_rest_is_read() {
        let cases = [
            ("half a pair", r#""\ud83d""#, json!("\u{fffd}")),
            ("the other half", r#""\uDE00x""#, json!("\u{fffd}x")),
            ("halves in the wrong order", r#""\ude00\ud83d""#, json!("\u{fffd}\u{fffd}")),
            ("half a pair before a pair", r#""\ud83d\ud83d\ude00""#, json!("\u{fffd}😀")),
            ("half a pair before another escape", r#""\ud83d\n\"""#, json!("\u{fffd}\n\"")),
            ("an escaped backslash before a u", r#""\\ud83d""#, json!("\\ud83d")),
            ("half a pair after a backslash", r#""\\\ud83d""#, json!("\\\u{fffd}")),
            ("a pair beside half a pair", r#"["\ud83d\ude00","\ud83d"]"#, json!(["😀", "\u{fffd}"])),
            ("as a name", r#"{"\ud83d": 1, "b": 2}"#, json!({"\u{fffd}": 1, "b": 2})),
            (
                "a number beyond f64",
                r#"{"a": [1e999, -1E+999], "b": 7}"#,
                json!({"a": [1e308, -1e308], "b": 7}),
            ),
            ("a text like a number", r#"["1e999", "\ud83d"]"#, json!(["1e999", "\u{fffd}"])),
            ("brackets in a text", r#"["[{\"", "\ud83d"]"#, json!(["[{\"", "\u{fffd}"])),
        ];
        for (why, text, want) in cases {
            assert_eq!(read::<Value>(text.as_bytes()).unwrap(), want, "{why}");
        }
        let digits = format!("[{}, 1]", "9".repeat(400));
        assert_eq!(read::<Value>(digits.as_bytes()).unwrap(), json!([1e308, 1]));
    }

    #[test]
    fn values_that_are_nested_too_deep_read_as_empty() {
        for depth in [1, DEPTH_MAX, DEPTH_MAX + 1, 127, 128, 129, 5_000, 200_000] {
            for inside in ["", "1", r#"{"a": ["]", {}], "b": 1e999}"#] {
                let text = format!(r#"{{"deep": {}, "plan": "pro"}}"#, nested(depth, inside));
                let value = read::<Value>(text.as_bytes()).unwrap();
                assert_eq!(value["plan"], "pro", "{depth}");
                assert!(value["deep"].is_array());
            }
        }
    }

    #[test]
    fn invalid_json_is_an_error() {
        let deep = "[".repeat(100_000);
        let crossed = format!("{}{}", nested(150, ""), "}");
        let cases = [
            ("", ""),
            ("cut in a text", r#"{"a": "\ud83d"#),
            ("cut in an escape", r#"{"a": "\ud8"#),
            ("cut after a backslash", r#"{"a": "\"#),
            ("an escape that is none", r#"["\ud83d", "\x"]"#),
            ("digits that are none", r#"["\u+123", "\ud83d"]"#),
            ("never closed", deep.as_str()),
            ("closed once too often", crossed.as_str()),
            ("the wrong bracket", r#"["\ud83d"}"#),
            ("more after it", r#""\ud83d" 1"#),
            ("a comma too many", r#"["\ud83d",]"#),
        ];
        for (why, text) in cases {
            assert!(read::<Value>(text.as_bytes()).is_err(), "{why}");
        }
        assert!(read::<Value>(b"[\"\\ud83d\", \"\xff\"]").is_err(), "not UTF-8");
    }

    proptest! {
        #[test]
        fn representable_values_do_not_change(text in r#"[a-zA-Z0-9\\"{}\[\],:eE.+\- \u{e9}\u{1f600}]{0,60}"#, number: f64) {
            let value = json!({"a": [text, {"b": number}], "c": null});
            let written = value.to_string();
            let replaced = Replacer::replace(written.as_bytes()).unwrap();
            prop_assert_eq!(String::from_utf8(replaced).unwrap(), written);
        }

        #[test]
        fn any_bytes_are_handled(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Replacer::replace(&bytes);
        }

        #[test]
        fn any_tokens_are_handled(tokens in proptest::collection::vec(
            proptest::sample::select(vec!["\\u", "d83d", "\"", "[", "]", "{", "}", "-", "1e9", "\\", ",", ":", "a"]), 0..40)) {
            let text = tokens.concat();
            if let (Some(replaced), Ok(value)) = (Replacer::replace(text.as_bytes()), serde_json::from_str::<Value>(&text)) {
                prop_assert_eq!(serde_json::from_slice::<Value>(&replaced).unwrap(), value);
            }
        }
    }
}
