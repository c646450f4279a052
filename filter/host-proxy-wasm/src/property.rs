//! Envoy's attributes, by path.

use crate::abi::{self, Status};
use tollgate_core::protobuf;

/// The foreign function that sets the lifetime of a property of the filter.
const DECLARE: &[u8] = b"declare_property";
/// Field 5, `span`, with the value 1: as long as the downstream request, over the redirects that Envoy
/// follows. source/extensions/common/wasm/declare_property.proto
const DOWNSTREAM_REQUEST: &[u8] = &[0x28, 0x01];

/// Returns the value of an attribute, or `None` if this request does not have it.
pub(crate) fn read(path: &[&str]) -> Option<Vec<u8>> {
    abi::property(path.join("\0").as_bytes()).ok()
}

/// Declares that a property of the filter lives as long as the downstream request. Must run in the filter's
/// own context.
///
/// A host without that function keeps the property for one pass of a request only.
pub(crate) fn declare(path: &[&str]) {
    let mut declaration = Vec::new();
    protobuf::push_field(&mut declaration, 1, path.join("\0").as_bytes());
    declaration.extend_from_slice(DOWNSTREAM_REQUEST);
    // Envoy rejects a second declaration.
    let _ = abi::call_foreign_function(DECLARE, &declaration);
}

/// Sets a property of the filter.
pub(crate) fn set(path: &[&str], bytes: &[u8]) -> Result<(), Status> {
    abi::set_property(path.join("\0").as_bytes(), bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::scripted;

    #[test]
    fn a_path_is_joined_by_zeros() {
        scripted::reset();
        scripted::with(|host| host.properties.insert(b"source\0address".to_vec(), b"1.2.3.4:5".to_vec()));
        assert_eq!(read(&["source", "address"]).as_deref(), Some(&b"1.2.3.4:5"[..]));
        assert_eq!(read(&["source"]), None);
        assert_eq!(read(&[]), None);
    }
}
