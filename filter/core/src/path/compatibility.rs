//! Characters outside of ASCII that some routers treat as ASCII: by Unicode's compatibility forms (NFKC, UAX
//! #15), or because they ignore case (the Kelvin sign is an upper-case `k`).

use unicode_normalization::UnicodeNormalization;

/// A character as some router may treat it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Folded {
    /// One ASCII character, in lower case.
    Ascii(u8),
    /// Several ASCII characters, in lower case.
    Text(String),
    /// Nothing, because it is invisible (UAX #44, Default_Ignorable_Code_Point) or a control character.
    Nothing,
    /// The character itself.
    Same,
}

/// Returns a character as some router may treat it.
pub(super) fn fold(character: char) -> Folded {
    let code = u32::from(character);
    if character.is_ascii() {
        let byte = u8::try_from(code).unwrap_or_default();
        return if byte.is_ascii_control() {
            Folded::Nothing
        } else {
            Folded::Ascii(byte.to_ascii_lowercase())
        };
    }
    match code {
        0x80..=0x9f | 0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f => {
            Folded::Nothing
        }
        0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff => {
            Folded::Nothing
        }
        0xffa0 | 0xfff0..=0xfff8 | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff => {
            Folded::Nothing
        }
        _ if character.is_whitespace() => Folded::Ascii(b' '),
        // A segment of only dots would be refused, but no router converts an ellipsis to dots.
        0x2026 => Folded::Same,
        // The Turkish dotted capital I is an `i` if case is ignored.
        0x130 => Folded::Ascii(b'i'),
        _ => compatible(character),
    }
}

/// Returns the compatibility form of a character, in lower case, if it is ASCII.
fn compatible(character: char) -> Folded {
    let upper = std::iter::once(character).nfkc().flat_map(char::to_uppercase);
    let text: String = upper.flat_map(char::to_lowercase).collect();
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Folded::Ascii(*byte),
        _ if text.is_ascii() => Folded::Text(text),
        _ => Folded::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_characters_that_some_router_treats_as_ascii_are_folded() {
        let cases = [
            ('A', Folded::Ascii(b'a')),
            ('\u{ff41}', Folded::Ascii(b'a')),
            ('\u{ff21}', Folded::Ascii(b'a')),
            ('\u{ff0f}', Folded::Ascii(b'/')),
            ('\u{1d400}', Folded::Ascii(b'a')),
            ('\u{1d41a}', Folded::Ascii(b'a')),
            ('\u{1d7ff}', Folded::Ascii(b'9')),
            ('\u{24e9}', Folded::Ascii(b'z')),
            ('\u{212a}', Folded::Ascii(b'k')),
            ('\u{17f}', Folded::Ascii(b's')),
            ('\u{131}', Folded::Ascii(b'i')),
            ('\u{130}', Folded::Ascii(b'i')),
            ('\u{df}', Folded::Text("ss".to_owned())),
            ('\u{fb03}', Folded::Text("ffi".to_owned())),
            ('\u{2025}', Folded::Text("..".to_owned())),
            ('\u{aa}', Folded::Ascii(b'a')),
            ('\u{1f190}', Folded::Text("dj".to_owned())),
            ('\u{200b}', Folded::Nothing),
            ('\u{a0}', Folded::Ascii(b' ')),
            ('\u{3000}', Folded::Ascii(b' ')),
            ('\0', Folded::Nothing),
            ('\u{2026}', Folded::Same),
            ('\u{e4}', Folded::Same),
            ('\u{65e5}', Folded::Same),
            ('\u{430}', Folded::Same),
            ('\u{1f600}', Folded::Same),
        ];
        for (character, want) in cases {
            assert_eq!(fold(character), want, "{character:?}");
        }
    }
}
