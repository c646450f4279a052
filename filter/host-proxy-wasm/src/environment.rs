//! The VM's environment: the variables in `host_env_keys` and `key_values` of Envoy's configuration.

/// Returns the value of an environment variable, or `None` if it is not set or not UTF-8.
#[allow(clippy::disallowed_methods, reason = "this is the host's environment, read once per configuration")]
pub(crate) fn read(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_none_and_no_name_causes_a_panic() {
        assert!(read("CARGO_PKG_NAME").is_some());
        for name in ["", "=", "a=b", "\0", "TOLLGATE_NOT_SET"] {
            assert_eq!(read(name), None, "{name:?}");
        }
    }
}
