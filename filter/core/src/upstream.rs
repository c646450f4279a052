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

impl Upstream {
    /// Returns where the API key is, as far as it is known: in a variable of the environment, or at the proxy
    /// that adds it.
    pub(crate) fn key_location(&self) -> String {
        let variable = self.authorization.as_ref().and_then(Secret::variable);
        match (variable, &self.authorization) {
            (Some(variable), _) => format!("the environment variable {variable}"),
            (None, Some(_)) => "the environment".to_owned(),
            (None, None) => {
                format!("the secret (SDS file) of the credential injector on cluster `{}`", self.cluster)
            }
        }
    }
}
