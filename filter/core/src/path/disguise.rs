//! Whether a request's path, as it came, could be taken for a path of the configuration.

use super::decoding::{DECODINGS_MAX, decoded, without_query};
use super::pattern::PathPattern;
use super::reading::{PathReader, behind_scripts, folded};

/// The longest path that is read in every way, in bytes. A longer one that is not plain counts as read as anything.
const READ_BYTES_MAX: usize = 8192;

/// Returns whether some router reads `path`, as it came, as `wanted`, which is written in the configuration: one that
/// decodes escapes, folds slashes, follows dot segments, drops parameters and a format's suffix, or disregards case,
/// characters that cannot be seen, and slashes, dots and blanks at the end. Also if it is that very path.
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
            wanted.may_equal(&folded) || behind_scripts(&folded).iter().any(|behind| wanted.may_equal(behind))
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
