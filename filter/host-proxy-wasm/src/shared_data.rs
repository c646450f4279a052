//! Values that all workers of the process share, changed by compare-and-swap.

use crate::abi;
use tollgate_core::machine::Version;
use tollgate_driver::SharedValue;

/// A version that no value has: the host numbers versions from 1, one for each write to any key.
///
/// The host compares versions only if there is a value. So a swap with this version writes if the key is new
/// and fails if it is not, while the host's "no version" (0) would overwrite a value that another worker has
/// just written. After 2³² − 1 writes one value may have this version; until it is written again, a swap for
/// an absent value overwrites it.
const NEVER: u32 = u32::MAX;

/// Reads the value of a key. If the host returns none, the value is absent.
pub(crate) fn load(key: &str) -> SharedValue {
    match abi::shared_data(key.as_bytes()) {
        Ok((value, version)) => {
            SharedValue { value: Some(value).filter(|value| !value.is_empty()), version: Version(version) }
        }
        Err(_) => SharedValue { value: None, version: Version::ABSENT },
    }
}

/// Writes the value of a key if it still has that version. Returns false if it does not, or if the host
/// refused.
pub(crate) fn swap(key: &str, value: &[u8], version: Version) -> bool {
    let version = if version == Version::ABSENT { NEVER } else { version.0 };
    abi::set_shared_data(key.as_bytes(), value, version).ok().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::scripted;

    #[test]
    fn one_of_two_workers_with_the_same_version_succeeds() {
        scripted::reset();
        assert!(swap("k", b"first", Version::ABSENT));
        let seen = load("k");
        assert_eq!(seen.value.as_deref(), Some(&b"first"[..]));
        assert!(swap("k", b"second", seen.version));
        assert!(!swap("k", b"third", seen.version), "the version has changed");
        assert_eq!(load("k").value.as_deref(), Some(&b"second"[..]));
    }

    #[test]
    fn one_of_two_workers_without_a_value_succeeds() {
        scripted::reset();
        assert_eq!(load("k"), SharedValue { value: None, version: Version::ABSENT });
        assert!(swap("k", b"first", Version::ABSENT));
        assert!(!swap("k", b"second", Version::ABSENT), "there is a value by now");
        assert_eq!(load("k").value.as_deref(), Some(&b"first"[..]));
    }

    #[test]
    fn an_empty_value_reads_as_none_but_keeps_its_version() {
        scripted::reset();
        assert!(swap("k", b"", Version::ABSENT));
        let emptied = load("k");
        assert_eq!(emptied.value, None);
        assert!(swap("k", b"again", emptied.version));
    }
}
