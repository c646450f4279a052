//! Decides whether some router could read a request's path, as received, as a path of the configuration.

use super::decoding::{DECODINGS_MAX, decoded, without_query};
use super::pattern::PathPattern;
use super::reading::{PathReader, after_scripts, folded};

/// The longest path whose readings are compared, in bytes. A longer path that is not plain counts as a match.
const READ_BYTES_MAX: usize = 8192;

/// Returns whether `path` equals `wanted`, a path of the configuration, or some router reads it so: one that
/// decodes escapes, merges slashes, resolves dot segments, drops parameters and format suffixes, or ignores
/// case, invisible characters, and slashes, dots, and spaces at the end.
pub(crate) fn may_be_read_as(path: &[u8], wanted: &PathPattern) -> bool {
    let path = without_query(path);
    let is_plain = path.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/-_~".contains(byte));
    if is_plain {
        return wanted.may_equal(&folded(path, PathReader::USUAL));
    }
    if path.len() > READ_BYTES_MAX {
        return true;
    }
    let mut path = path.to_vec();
    for _ in 0..=DECODINGS_MAX {
        let is_wanted = |reader| {
            let folded = folded(&path, reader);
            wanted.may_equal(&folded) || after_scripts(&folded).iter().any(|rest| wanted.may_equal(rest))
        };
        if PathReader::all().any(is_wanted) {
            return true;
        }
        let next = decoded(&path);
        if next == path {
            return false;
        }
        path = next;
    }
    false
}

#[cfg(test)]
mod tests;
