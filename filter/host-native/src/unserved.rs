//! What a document may ask for that this host does not serve yet. Such a document is refused, because the rules would get
//! the outcome of a cluster that does not exist for each callout: `on_error: allow` would let everybody through uncounted.

use crate::process;
use tollgate_core::auth::KeySource;
use tollgate_core::config::{self, StoreConfig};

/// Returns what to change in a document that needs callouts; none if it needs none, or is wrong in another way, which
/// the configuration of the filter reports.
pub(crate) fn problem(document: &[u8]) -> Option<String> {
    let gate = config::read::<config::Gate>(document, &process::environment).ok()?.section;
    let field = match (&gate.keys, &gate.confirm, &gate.store) {
        (KeySource::Jwks { .. }, _, _) => "plan_gate.keys.jwks",
        (_, Some(_), _) => "plan_gate.confirm",
        (_, _, StoreConfig::Ratelimit { .. }) => "plan_gate.store.ratelimit",
        (KeySource::Pem(_), None, StoreConfig::Local { .. }) => return None,
    };
    Some(format!("{field}: the native build makes no callouts: remove it, or use plan_gate.wasm"))
}
