//! The readings of a path by routers. Each reading is folded to one form, in which two paths are equal if
//! some router treats them as the same.

use super::compatibility::{self, Folded};

/// The properties of a router that make a difference in the folded form.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathReader {
    /// Whether it stops at an escaped NUL, `?`, or `#`.
    is_cut: bool,
    /// Whether it merges slashes before it resolves dot segments.
    merges: bool,
    /// Whether it treats characters that look like ASCII as ASCII.
    takes_lookalikes: bool,
    /// Whether it treats a backslash as a slash.
    takes_backslashes: bool,
}

impl PathReader {
    /// The router that treats the most paths as the same, if there are no dot segments.
    pub(super) const USUAL: PathReader =
        PathReader { is_cut: false, merges: true, takes_lookalikes: true, takes_backslashes: true };

    /// Returns all combinations of properties.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        const EITHER: [bool; 2] = [false, true];
        EITHER.into_iter().flat_map(|is_cut| {
            EITHER.into_iter().flat_map(move |merges| {
                EITHER.into_iter().flat_map(move |takes_lookalikes| {
                    EITHER.into_iter().map(move |takes_backslashes| PathReader {
                        is_cut,
                        merges,
                        takes_lookalikes,
                        takes_backslashes,
                    })
                })
            })
        })
    }
}

/// Returns the folded readings of a path without dot segments. Does not decode it.
pub(super) fn readings(path: &[u8]) -> impl Iterator<Item = Vec<u8>> + use<> {
    let cut = path.iter().any(|byte| is_end(*byte));
    let cut = cut.then(|| folded(path, PathReader { is_cut: true, ..PathReader::USUAL }));
    std::iter::once(folded(path, PathReader::USUAL)).chain(cut).flat_map(|folded| {
        let after_scripts = after_scripts(&folded);
        std::iter::once(folded).chain(after_scripts)
    })
}

/// Returns the paths that an application may read in a folded path with a script in it (`/index.php/ask`):
/// the part after the script, and the same below the script's directory. If there are several scripts,
/// servers use the first or the last, depending on their configuration.
pub(super) fn after_scripts(folded: &[u8]) -> Vec<Vec<u8>> {
    if !folded.contains(&b'.') {
        return Vec::new();
    }
    let ends = || {
        let slashes = folded.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
        slashes.map(|(index, _)| folded.split_at(index)).filter(|(script, _)| ends_with_script(script))
    };
    let last = ends().next_back();
    let outermost = ends().next().into_iter().chain(last);
    outermost
        .flat_map(|(script, rest)| {
            let directory = script.iter().rposition(|byte| *byte == b'/').and_then(|end| script.get(..end));
            [rest.to_vec(), [directory.unwrap_or_default(), rest].concat()]
        })
        .collect()
}

/// Returns whether a folded path ends with the name of a script that takes path info.
fn ends_with_script(path: &[u8]) -> bool {
    const SUFFIXES: [&[u8]; 7] = [b".php", b".php5", b".cgi", b".fcgi", b".wsgi", b".cfm", b".aspx"];
    SUFFIXES.iter().any(|suffix| path.ends_with(suffix))
}

/// Returns the folded form of a path of the configuration.
pub(super) fn of_pattern(decoded: &[u8]) -> Vec<u8> {
    folded(decoded, PathReader::USUAL)
}

/// Returns whether some router reads a segment of the path as a dot segment. Does not decode the path.
pub(super) fn has_dot_segment(path: &[u8]) -> bool {
    let mut text = Vec::with_capacity(path.len());
    characters(path, PathReader::USUAL, |byte| text.push(byte));
    text.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| {
        let name = trimmed(without_parameter(segment), b" ");
        !name.is_empty() && name.iter().all(|byte| matches!(byte, b'.' | b' '))
    })
}

/// Returns the segments that this reader keeps, each after a slash, in lower case.
pub(super) fn folded(path: &[u8], reader: PathReader) -> Vec<u8> {
    if is_plain(path) {
        return path.strip_suffix(b"/").unwrap_or(path).to_ascii_lowercase();
    }
    folded_by_character(path, reader)
}

fn folded_by_character(path: &[u8], reader: PathReader) -> Vec<u8> {
    let end = path.iter().position(|byte| reader.is_cut && is_end(*byte)).unwrap_or(path.len());
    let mut text = Vec::with_capacity(end);
    characters(path.get(..end).unwrap_or_default(), reader, |byte| text.push(byte));
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in text.split(|byte| *byte == b'/' || (reader.takes_backslashes && *byte == b'\\')) {
        match trimmed(without_parameter(segment), b" ") {
            b"." => {}
            b".." => drop(segments.pop()),
            segment if segment.is_empty() && reader.merges => {}
            segment => segments.push(trimmed_at_end(segment, b" .")),
        }
    }
    let mut folded = Vec::with_capacity(text.len());
    for segment in segments.into_iter().filter(|segment| !segment.is_empty()) {
        folded.push(b'/');
        folded.extend(segment.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }));
    }
    folded
}

/// Returns whether all readers read the path as it is, except for the case of its letters and a slash at its
/// end.
fn is_plain(path: &[u8]) -> bool {
    path.starts_with(b"/")
        && !path.windows(2).any(|pair| pair == b"//")
        && path.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_'))
}

fn is_end(byte: u8) -> bool {
    matches!(byte, 0 | b'?' | b'#')
}

fn without_parameter(segment: &[u8]) -> &[u8] {
    segment.split(|byte| *byte == b';').next().unwrap_or_default()
}

fn trimmed<'a>(bytes: &'a [u8], what: &[u8]) -> &'a [u8] {
    let begin = bytes.iter().position(|byte| !what.contains(byte)).unwrap_or(bytes.len());
    trimmed_at_end(bytes.get(begin..).unwrap_or_default(), what)
}

fn trimmed_at_end<'a>(bytes: &'a [u8], what: &[u8]) -> &'a [u8] {
    let end = bytes.iter().rposition(|byte| !what.contains(byte)).map_or(0, |last| last.saturating_add(1));
    bytes.get(..end).unwrap_or_default()
}

/// Passes the folded characters of a path to `found`, byte by byte. Overlong UTF-8 is decoded as lax decoders
/// do; other bytes that are not UTF-8 are dropped.
fn characters(path: &[u8], reader: PathReader, mut found: impl FnMut(u8)) {
    let mut rest = path;
    while !rest.is_empty() {
        let (valid, invalid) = match std::str::from_utf8(rest) {
            Ok(valid) => (valid, &[][..]),
            Err(error) => {
                let (valid, invalid) = rest.split_at_checked(error.valid_up_to()).unwrap_or_default();
                (std::str::from_utf8(valid).unwrap_or_default(), invalid)
            }
        };
        for character in valid.chars() {
            match compatibility::fold(character) {
                Folded::Ascii(byte) if character.is_ascii() || reader.takes_lookalikes => found(byte),
                Folded::Text(text) if reader.takes_lookalikes => text.bytes().for_each(&mut found),
                Folded::Nothing => {}
                Folded::Ascii(_) | Folded::Text(_) | Folded::Same => {
                    let mut buffer = [0; 4];
                    for small in character.to_lowercase() {
                        small.encode_utf8(&mut buffer).bytes().for_each(&mut found);
                    }
                }
            }
        }
        rest = match overlong(invalid) {
            Some((byte, rest)) => {
                if !byte.is_ascii_control() {
                    found(byte.to_ascii_lowercase());
                }
                rest
            }
            None => invalid.get(1..).unwrap_or_default(),
        };
    }
}

/// Decodes an ASCII character in more bytes than it needs (RFC 3629 §3), and returns it with the bytes after
/// it.
fn overlong(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (high, low, rest) = match bytes {
        [high @ 0xc0..=0xc1, low @ 0x80..=0xbf, rest @ ..] => (*high, *low, rest),
        [0xe0, high @ 0x80..=0x81, low @ 0x80..=0xbf, rest @ ..] => (*high, *low, rest),
        [0xf0, 0x80, high @ 0x80..=0x81, low @ 0x80..=0xbf, rest @ ..] => (*high, *low, rest),
        _ => return None,
    };
    Some((((high & 1) << 6) | (low & 0x3f), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_plain_path_is_folded_as_by_character(path in "(/[A-Za-z0-9_-]{0,3}){0,5}") {
            for reader in PathReader::all() {
                let path = path.as_bytes();
                prop_assert_eq!(folded(path, reader), folded_by_character(path, reader));
            }
        }
    }

    #[test]
    fn other_characters_make_a_path_not_plain() {
        for path in
            ["", "ask", "//ask", "/ask//b", "/a.b", "/a;b", "/a+b", "/a b", "/a%41", "/a\\b", "/\u{e4}"]
        {
            assert!(!is_plain(path.as_bytes()), "{path}");
        }
        assert!(is_plain(b"/Ask_1/b-c/") && is_plain(b"/"));
    }
}
