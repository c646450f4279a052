//! The VM's environment: what `host_env_keys` and `key_values` of Envoy's configuration let through.

/// The value of an environment variable; none if it is not set or not UTF-8.
#[allow(clippy::disallowed_methods, reason = "this is the host's environment, read once per configuration")]
pub(crate) fn read(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_there_or_not_and_no_name_makes_it_panic() {
        assert!(read("CARGO_PKG_NAME").is_some());
        for name in ["", "=", "a=b", "\0", "TOLLGATE_NOT_SET"] {
            assert_eq!(read(name), None, "{name:?}");
        }
    }
}
