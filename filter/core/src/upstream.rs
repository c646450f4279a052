//! An HTTP API that is called through a cluster of Envoy's.

use crate::secret::Secret;
use std::time::Duration;

/// How Tollgate names itself to the APIs that it calls.
pub(crate) const USER_AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));

/// An HTTP API that is called through a cluster of Envoy's.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The cluster's name in Envoy's configuration.
    pub cluster: String,
    /// Host, and port if there is one.
    pub authority: String,
    /// What stands before each path, without `/` at its end; empty for nothing.
    pub base_path: String,
    /// How long one call may take.
    pub timeout: Duration,
    /// The API key. Without one, something on the way to the API adds it.
    pub authorization: Option<Secret>,
}
