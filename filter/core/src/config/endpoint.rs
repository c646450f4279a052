//! The checked settings of an endpoint that receives webhooks, which the sections of all senders have.

use super::document::webhook::Mode;
use super::error::{Checked, Problems, field};
use super::{address, names};
use std::time::Duration;

/// The longest tolerance, in seconds. A signed event can be replayed within the tolerance.
const TOLERANCE_S_MAX: u64 = 3_600;

/// The largest body, in kilobytes: as much as Envoy itself holds by default.
const BODY_KB_MAX: u64 = 1_024;

/// The settings of an endpoint that receives webhooks.
#[derive(Clone, Debug)]
pub struct EndpointSettings {
    /// The exact path to which the sender delivers events.
    pub(crate) path: String,
    /// The side that responds to the sender: the gateway or the upstream.
    pub(crate) mode: Mode,
    /// The largest difference between the signature's time and now.
    pub(crate) tolerance: Duration,
    /// The largest accepted body.
    pub(crate) body_bytes_max: usize,
}

/// The fields of an endpoint as written.
pub(super) struct WrittenEndpoint<'a> {
    pub(super) path: &'a str,
    pub(super) mode: Mode,
    pub(super) tolerance_s: u64,
    pub(super) max_body_kb: u64,
}

impl WrittenEndpoint<'_> {
    /// Checks the fields. `section` is the section that has them.
    pub(super) fn read(&self, section: &str, problems: &mut Problems) -> EndpointSettings {
        let at = |name| field(section, name);
        let tolerance = names::between(self.tolerance_s, 1..=TOLERANCE_S_MAX, "seconds", &at("tolerance_s"));
        EndpointSettings {
            path: problems.keep_or_default(address::path(self.path, &at("path"))),
            mode: self.mode,
            tolerance: Duration::from_secs(problems.keep_or_default(tolerance)),
            body_bytes_max: problems.keep_or_default(body_bytes(self.max_body_kb, &at("max_body_kb"))),
        }
    }
}

fn body_bytes(max_body_kb: u64, path: &str) -> Checked<usize> {
    let kb = names::between(max_body_kb, 1..=BODY_KB_MAX, "kilobytes", path)?;
    Ok(usize::try_from(kb).unwrap_or(usize::MAX).saturating_mul(1024))
}
