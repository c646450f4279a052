//! Checks of the field `past_due`, which the sections of both sources of plans have.

use super::document::webhook::WrittenPastDue;
use super::error::{Checked, ConfigError, field};
use super::names;
use crate::stripe::plan::PastDue;
use std::time::Duration;

/// The longest grace period, in days. Stripe retries a payment for at most two months.
const GRACE_DAYS_MAX: u64 = 90;

/// Reads the field `past_due` of a section.
pub(super) fn past_due(written: WrittenPastDue, section: &str) -> Checked<PastDue> {
    const DAY_S: u64 = 86_400;
    let days = match written {
        WrittenPastDue::Keep => return Ok(PastDue::Keep),
        WrittenPastDue::Revoke => return Ok(PastDue::Revoke),
        WrittenPastDue::GraceDays(days) => days,
    };
    let path = field(section, "past_due.grace_days");
    if days == 0 {
        return Err(ConfigError::new(path, "0 days is no grace period", "write `past_due: revoke`"));
    }
    let days = names::between(days, 1..=GRACE_DAYS_MAX, "days", &path)?;
    Ok(PastDue::Grace(Duration::from_secs(days.saturating_mul(DAY_S))))
}
