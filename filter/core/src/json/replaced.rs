//! JSON that others wrote. What is legal but cannot be held here is replaced, so that it spoils nothing beside it.
//!
//! Sellers, and users in Clerk's `unsafe_metadata`, put any text into the objects that Stripe and Clerk show. Three
//! things are legal JSON (RFC 8259 §8.2, §9) and still an error to `serde_json`: half a surrogate pair, nesting deeper
//! than its limit, and a number that no `f64` holds. None of them can be part of an id, a plan's name, or a time that
//! means anything, so a stand-in is read that equals none of these.

use serde::de::DeserializeOwned;

/// How deep objects and arrays are read. Below the limit of `serde_json`, which is 128, and far above what Stripe's and
/// Clerk's own fields need.
const DEPTH_MAX: usize = 100;

/// What stands in for half a surrogate pair: U+FFFD, which no id, plan name, or configured key contains.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// Reads one JSON document. In what cannot be held, half a surrogate pair reads as U+FFFD, an object or array that lies
/// deeper than [`DEPTH_MAX`] as an empty one, and a number beyond `f64` as one of its largest.
///
/// # Errors
/// If it is no JSON, or not what `T` is read from.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes).or_else(|error| match Holdable::of(bytes) {
        Some(holdable) => serde_json::from_slice(&holdable),
        None => Err(error),
    })
}

/// A document in which what cannot be held is being replaced. It is read by tokens, not by grammar: that is for whoever
/// reads the result.
struct Holdable<'a> {
    rest: &'a [u8],
    out: Vec<u8>,
    /// The brackets that are open.
    open: Vec<u8>,
}

impl<'a> Holdable<'a> {
    /// The document with the replacements; `None` if a bracket or a quote has no counterpart.
    fn of(bytes: &'a [u8]) -> Option<Vec<u8>> {
        let mut document = Holdable { rest: bytes, out: Vec::with_capacity(bytes.len()), open: Vec::new() };
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

    /// Adds what stands there, unless it lies too deep.
    fn put(&mut self, bytes: &[u8]) {
        if self.open.len() <= DEPTH_MAX {
            self.out.extend_from_slice(bytes);
        }
    }

    /// Takes so many bytes off the rest.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// A bracket that opens. Those around what lies too deep are kept, and stand for it.
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

    /// A code unit of UTF-16, or the two of a pair.
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

/// The code unit that an escape `\uXXXX` stands for.
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
    fn what_cannot_be_held_is_replaced_and_all_beside_it_is_read() {
        let cases = [
            ("half a pair", r#""\ud83d""#, json!("\u{fffd}")),
            ("the other half", r#""\uDE00x""#, json!("\u{fffd}x")),
            ("halves in the wrong order", r#""\ude00\ud83d""#, json!("\u{fffd}\u{fffd}")),
            ("half a pair before a pair", r#""\ud83d\ud83d\ude00""#, json!("\u{fffd}😀")),
            ("half a pair before another escape", r#""\ud83d\n\"""#, json!("\u{fffd}\n\"")),
            ("an escaped backslash before a u", r#""\\ud83d""#, json!("\\ud83d")),
            ("half a pair behind a backslash", r#""\\\ud83d""#, json!("\\\u{fffd}")),
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
    fn what_lies_too_deep_reads_as_empty() {
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
    fn what_is_no_json_stays_an_error() {
        let deep = "[".repeat(100_000);
        let crossed = format!("{}{}", nested(150, ""), "}");
        let cases = [
            ("", ""),
            ("cut in a text", r#"{"a": "\ud83d"#),
            ("cut in an escape", r#"{"a": "\ud8"#),
            ("cut behind a backslash", r#"{"a": "\"#),
            ("an escape that is none", r#"["\ud83d", "\x"]"#),
            ("digits that are none", r#"["\u+123", "\ud83d"]"#),
            ("never closed", deep.as_str()),
            ("closed once too often", crossed.as_str()),
            ("the wrong bracket", r#"["\ud83d"}"#),
            ("more behind it", r#""\ud83d" 1"#),
            ("a comma too many", r#"["\ud83d",]"#),
        ];
        for (why, text) in cases {
            assert!(read::<Value>(text.as_bytes()).is_err(), "{why}");
        }
        assert!(read::<Value>(b"[\"\\ud83d\", \"\xff\"]").is_err(), "not UTF-8");
    }

    proptest! {
        /// Whatever can be held is what it was.
        #[test]
        fn nothing_else_changes(text in r#"[a-zA-Z0-9\\"{}\[\],:eE.+\- \u{e9}\u{1f600}]{0,60}"#, number: f64) {
            let value = json!({"a": [text, {"b": number}], "c": null});
            let written = value.to_string();
            let holdable = Holdable::of(written.as_bytes()).unwrap();
            prop_assert_eq!(String::from_utf8(holdable).unwrap(), written);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Holdable::of(&bytes);
        }

        #[test]
        fn no_tokens_panic(tokens in proptest::collection::vec(
            proptest::sample::select(vec!["\\u", "d83d", "\"", "[", "]", "{", "}", "-", "1e9", "\\", ",", ":", "a"]), 0..40)) {
            let text = tokens.concat();
            if let (Some(holdable), Ok(value)) = (Holdable::of(text.as_bytes()), serde_json::from_str::<Value>(&text)) {
                prop_assert_eq!(serde_json::from_slice::<Value>(&holdable).unwrap(), value);
            }
        }
    }
}
