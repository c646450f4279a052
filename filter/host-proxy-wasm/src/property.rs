//! Envoy's attributes, by path.

use crate::abi;

/// The value of an attribute; none if it is not there for this request.
pub(crate) fn read(path: &[&str]) -> Option<Vec<u8>> {
    abi::property(path.join("\0").as_bytes()).ok()
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
