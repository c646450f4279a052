//! Checks of the fields `stripe`, `clerk`, and `confirm`, each of which describes how an HTTP API is called.

use super::address;
use super::document::WrittenUpstream;
use super::error::{Checked, Problems, field};
use super::names;
use crate::secret::Secret;
use crate::upstream::Upstream;
use std::time::Duration;

/// The longest timeout of one call, in milliseconds: the time of a whole sync.
const TIMEOUT_MS_MAX: u64 = 8_000;

/// The host of Clerk's Backend API.
pub(super) const CLERK_AUTHORITY: &str = "api.clerk.com";

/// The values of the fields that the document may leave out.
pub(super) struct Defaults {
    authority: &'static str,
    base_path: &'static str,
    timeout_ms: u64,
}

pub(super) const STRIPE: Defaults =
    Defaults { authority: "api.stripe.com", base_path: "", timeout_ms: 2_000 };
pub(super) const CLERK: Defaults =
    Defaults { authority: CLERK_AUTHORITY, base_path: "/v1", timeout_ms: 2_000 };
pub(super) const CONFIRM: Defaults =
    Defaults { authority: CLERK_AUTHORITY, base_path: "/v1", timeout_ms: 1_000 };

/// Reads an upstream. `at` is its path in the document.
pub(super) fn upstream(
    written: &WrittenUpstream<'_>,
    defaults: &Defaults,
    authorization: Checked<Option<Secret>>,
    at: &str,
    problems: &mut Problems,
) -> Upstream {
    let authority = written.authority.unwrap_or(defaults.authority);
    let base_path = written.base_path.unwrap_or(defaults.base_path);
    let timeout_ms = written.timeout_ms.unwrap_or(defaults.timeout_ms);
    Upstream {
        cluster: problems.keep_or_default(address::cluster(written.cluster, &field(at, "cluster"))),
        authority: problems.keep_or_default(address::authority(authority, &field(at, "authority"))),
        base_path: problems.keep_or_default(base_path_of(base_path, &field(at, "base_path"))),
        timeout: problems.keep_or_default(timeout(timeout_ms, &field(at, "timeout_ms"))),
        authorization: problems.keep_or_default(authorization),
    }
}

/// Returns the base path without `/` at its end. An empty text and `/` both mean that there is none.
fn base_path_of(text: &str, at: &str) -> Checked<String> {
    match text {
        "" => Ok(String::new()),
        text => Ok(address::prefix(text, at)?.unwrap_or_default()),
    }
}

/// Reads the timeout of one call.
pub(super) fn timeout(timeout_ms: u64, at: &str) -> Checked<Duration> {
    names::between(timeout_ms, 1..=TIMEOUT_MS_MAX, "milliseconds", at).map(Duration::from_millis)
}
