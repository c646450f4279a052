//! What routers may make of a path. Each way of reading is folded to one form, in which two paths are equal if some
//! router takes one for the other.

use super::compatibility::{self, Folded};

/// In what routers differ where it does not come to the same in the folded form.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathReader {
    /// It reads no further than an escaped NUL, `?` or `#`.
    is_cut: bool,
    /// It merges slashes before it follows dot segments.
    merges: bool,
    /// It takes what only looks like ASCII for it.
    takes_lookalikes: bool,
    /// It takes a backslash for a slash.
    takes_backslashes: bool,
}

impl PathReader {
    /// The one that takes the most paths for the same where no dot segment is followed.
    pub(super) const USUAL: PathReader =
        PathReader { is_cut: false, merges: true, takes_lookalikes: true, takes_backslashes: true };

    /// Returns all of them.
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

/// Returns the folded readings of a path without dot segments, decoded as often as it is.
pub(super) fn of(path: &[u8]) -> impl Iterator<Item = Vec<u8>> + use<> {
    let cut = path.iter().any(|byte| is_end(*byte));
    let cut = cut.then(|| folded(path, PathReader { is_cut: true, ..PathReader::USUAL }));
    std::iter::once(folded(path, PathReader::USUAL)).chain(cut).flat_map(|folded| {
        let behind = behind_scripts(&folded);
        std::iter::once(folded).chain(behind)
    })
}

/// Returns what applications are asked for by a folded path that names their script and then goes on
/// (`/index.php/ask`): what stands behind the script, and the same below the directory that the script is in. Of
/// several scripts the first or the last counts, as servers are configured.
pub(super) fn behind_scripts(folded: &[u8]) -> Vec<Vec<u8>> {
    if !folded.contains(&b'.') {
        return Vec::new();
    }
    let ends = || {
        let slashes = folded.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
        slashes.map(|(place, _)| folded.split_at(place)).filter(|(script, _)| names_script(script))
    };
    let last = ends().next_back();
    let outermost = ends().next().into_iter().chain(last);
    outermost
        .flat_map(|(script, behind)| {
            let directory = script.iter().rposition(|byte| *byte == b'/').and_then(|end| script.get(..end));
            [behind.to_vec(), [directory.unwrap_or_default(), behind].concat()]
        })
        .collect()
}

/// Returns whether a folded path ends with the name of a script that takes path info.
fn names_script(path: &[u8]) -> bool {
    const SUFFIXES: [&[u8]; 7] = [b".php", b".php5", b".cgi", b".fcgi", b".wsgi", b".cfm", b".aspx"];
    SUFFIXES.iter().any(|suffix| path.ends_with(suffix))
}

/// Returns the folded form of a path that is written in the configuration.
pub(super) fn of_pattern(decoded: &[u8]) -> Vec<u8> {
    folded(decoded, PathReader::USUAL)
}

/// Returns whether a path, decoded as often as it is, holds a segment that goes up or stays, for some router.
pub(super) fn has_dot_segment(path: &[u8]) -> bool {
    let mut text = Vec::with_capacity(path.len());
    characters(path, PathReader::USUAL, |byte| text.push(byte));
    text.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| {
        let name = trimmed(without_parameter(segment), b" ");
        !name.is_empty() && name.iter().all(|byte| matches!(byte, b'.' | b' '))
    })
}

/// Returns the segments that are left, each behind a slash, in small letters.
pub(super) fn folded(path: &[u8], reader: PathReader) -> Vec<u8> {
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

/// Hands over what a path's characters fold to, byte by byte. Overlong UTF-8 is read as lax decoders do; other bytes that
/// are not UTF-8 are dropped.
fn characters(path: &[u8], reader: PathReader, mut found: impl FnMut(u8)) {
    let mut rest = path;
    while !rest.is_empty() {
        let (valid, behind) = match std::str::from_utf8(rest) {
            Ok(valid) => (valid, &[][..]),
            Err(error) => {
                let (valid, behind) = rest.split_at_checked(error.valid_up_to()).unwrap_or_default();
                (std::str::from_utf8(valid).unwrap_or_default(), behind)
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
        rest = match overlong(behind) {
            Some((byte, rest)) => {
                if !byte.is_ascii_control() {
                    found(byte.to_ascii_lowercase());
                }
                rest
            }
            None => behind.get(1..).unwrap_or_default(),
        };
    }
}

/// Returns a character of ASCII in more bytes than it needs (RFC 3629 §3), and what stands behind it.
fn overlong(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (high, low, rest) = match bytes {
        [high @ 0xc0..=0xc1, low @ 0x80..=0xbf, rest @ ..] => (*high, *low, rest),
        [0xe0, high @ 0x80..=0x81, low @ 0x80..=0xbf, rest @ ..] => (*high, *low, rest),
        [0xf0, 0x80, high @ 0x80..=0x81, low @ 0x80..=0xbf, rest @ ..] => (*high, *low, rest),
        _ => return None,
    };
    Some((((high & 1) << 6) | (low & 0x3f), rest))
}
