//! The resources of the process: time, randomness, and the environment.

use ring::rand::{SecureRandom, SystemRandom};
use std::time::{SystemTime, UNIX_EPOCH};
use tollgate_core::config::ApiKeyVariable;
use tollgate_core::time::Micros;
use tollgate_driver::HostError;

/// The status for a clock before 1970, and for missing randomness.
const UNAVAILABLE: HostError = HostError(1);

/// Returns the current time.
#[allow(clippy::disallowed_methods, reason = "this is the host's clock")]
pub(crate) fn now() -> Result<Micros, HostError> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| UNAVAILABLE)?;
    u64::try_from(since.as_micros()).map(Micros::from_micros).map_err(|_| UNAVAILABLE)
}

/// Returns 128 random bits that an attacker cannot guess.
pub(crate) fn random_seed() -> Result<[u8; 16], HostError> {
    let mut seed = [0; 16];
    SystemRandom::new().fill(&mut seed).map_err(|_| UNAVAILABLE)?;
    Ok(seed)
}

/// Returns the value of an environment variable, or `None` if it is not set, not UTF-8, or an API key that is
/// not listed: Envoy may have that for another purpose, and then callouts carry the key that the cluster's
/// credential injector adds.
#[allow(clippy::disallowed_methods, reason = "this is the host's environment, read once per configuration")]
pub(crate) fn environment(name: &str, listed: &[ApiKeyVariable]) -> Option<String> {
    match ApiKeyVariable::ALL.iter().find(|variable| variable.name() == name) {
        Some(api_key) if !listed.contains(api_key) => None,
        Some(_) | None => std::env::var(name).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_and_the_clock_runs() {
        assert_ne!(random_seed(), random_seed());
        assert!(now().unwrap() > Micros::from_micros(1_700_000_000_000_000));
    }

    #[test]
    fn a_missing_variable_is_none_and_no_name_causes_a_panic() {
        assert!(environment("CARGO_PKG_NAME", &[]).is_some());
        for name in ["", "=", "a=b", "\0", "TOLLGATE_NOT_SET"] {
            assert_eq!(environment(name, &ApiKeyVariable::ALL), None, "{name:?}");
        }
    }
}
