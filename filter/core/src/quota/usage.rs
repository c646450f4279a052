//! The JSON of a limit's use at the usage path.

use super::calendar::rfc3339;
use super::window_state::WindowState;
use crate::plan_table::Period;
use serde::Serialize;

/// The use of one limit: the text `unlimited`, or its windows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum LimitUsage {
    /// Nothing is counted.
    Unlimited(Unlimited),
    /// The windows, in the plan's order.
    Windows(Vec<WindowUsage>),
}

/// The text `unlimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unlimited {
    /// The only value.
    Unlimited,
}

/// One window: `{"per": "month", "max": 100, "used": 12, "remaining": 88, "reset": "2026-12-01T00:00:00Z"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct WindowUsage {
    per: Period,
    max: u64,
    used: u64,
    remaining: u64,
    reset: String,
}

impl LimitUsage {
    /// The use of an unlimited limit.
    pub(crate) const UNLIMITED: LimitUsage = LimitUsage::Unlimited(Unlimited::Unlimited);

    /// Returns the use of a limit with these windows.
    pub(crate) fn new(states: &[WindowState]) -> Self {
        LimitUsage::Windows(states.iter().map(WindowUsage::from).collect())
    }
}

impl From<&WindowState> for WindowUsage {
    fn from(state: &WindowState) -> Self {
        WindowUsage {
            per: state.per,
            max: state.max,
            used: state.used,
            remaining: state.remaining(),
            reset: rfc3339(state.reset()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::calendar::Interval;
    use crate::time::Micros;

    #[test]
    fn windows_and_unlimited_are_serialized_as_documented() {
        let interval = Interval::containing(Period::Month, Micros::from_secs(1_795_219_200));
        let state = WindowState { per: Period::Month, max: 100, used: 12, interval };
        let json = |usage: &LimitUsage| serde_json::to_string(usage).unwrap();
        assert_eq!(
            json(&LimitUsage::new(&[state])),
            r#"[{"per":"month","max":100,"used":12,"remaining":88,"reset":"2026-12-01T00:00:00Z"}]"#
        );
        assert_eq!(json(&LimitUsage::UNLIMITED), r#""unlimited""#);
    }
}
