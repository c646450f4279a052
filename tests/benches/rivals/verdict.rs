//! The targets: how dear Tollgate may be beside what Envoy has of its own.

use crate::candidates::NATIVE;
use crate::figures::{Measured, Spread, bare, named};
use serde::Serialize;

/// The candidate, what it is held against, and how many times dearer it may be.
const TARGETS: [(&str, &str, f64); 4] = [
    ("gate", NATIVE, 2.0),
    ("gate-quiet", NATIVE, 1.5),
    ("gate-new-token", "jwt_authn", 1.0),
    ("gate-refusal", "gate", 1.0),
];

/// What became of a target.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    name: &'static str,
    beside: &'static str,
    allowed: f64,
    measured: Spread,
}

/// Of all targets of which both sides were measured.
pub(crate) fn all(measured: &[Measured]) -> Vec<Verdict> {
    let bare = bare(measured);
    let verdict = |&(name, beside, allowed): &(&'static str, &'static str, f64)| {
        let added = named(measured, name)?.added_us(bare);
        let beside_added = named(measured, beside)?.added_us(bare);
        let ratios = added.iter().zip(&beside_added).map(|(added, beside)| added / beside).collect();
        Some(Verdict { name, beside, allowed, measured: Spread::of(ratios) })
    };
    TARGETS.iter().filter_map(verdict).collect()
}

impl Verdict {
    /// A row of the table.
    pub(crate) fn row(&self) -> String {
        let Verdict { name, beside, allowed, measured: Spread { median, min, max } } = self;
        let met = if median <= allowed { "met" } else { "missed" };
        format!("| `{name}` | {allowed:.1} × `{beside}` | {median:.2} ({min:.2}–{max:.2}) | {met} |")
    }
}
