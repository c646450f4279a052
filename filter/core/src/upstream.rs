//! An HTTP API that is called through one of Envoy's clusters.

use crate::secret::Secret;
use std::time::Duration;

/// The `user-agent` of Tollgate's calls.
pub(crate) const USER_AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));

/// An HTTP API that is called through one of Envoy's clusters.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    /// The cluster's name in Envoy's configuration.
    pub cluster: String,
    /// The host, and the port if there is one.
    pub authority: String,
    /// The prefix of each path, without `/` at its end; empty for none.
    pub base_path: String,
    /// The timeout of one call.
    pub timeout: Duration,
    /// The API key. If `None`, a proxy between Envoy and the API adds it.
    pub authorization: Option<Secret>,
}
