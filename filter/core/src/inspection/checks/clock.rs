//! The clock of the machine that runs the command.

use crate::inspection::Inspection;
use crate::inspection::check::{CheckOutcome, CheckVerdict};
use crate::inspection::read_error::ReadError;

/// The largest difference without a warning, in seconds: the default of `clock_skew_s`, by which the gate
/// accepts a token before or after its time.
const DIFFERENCE_S_MAX: u64 = 5;

/// Checks that the clock agrees with Stripe's. A webhook is refused if the clocks differ by more than
/// `tolerance_s`.
pub(super) fn clock<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    const CURE: &str = "synchronize the clock (NTP), and that of the machines that run the gateway";
    if !inspection.document.reads_stripe() {
        return None;
    }
    let Some(ahead_s) = inspection.clock_ahead_s else { return Some(Err(&ReadError::NotRead)) };
    let difference_s = ahead_s.unsigned_abs();
    let direction = if ahead_s > 0 { "ahead of" } else { "behind" };
    let detail = format!("this machine's clock is {difference_s} s {direction} Stripe's");
    let tolerance = inspection.document.stripe_webhook.as_ref().map(|section| section.endpoint.tolerance);
    Some(Ok(match tolerance.map(|tolerance| tolerance.as_secs()) {
        Some(tolerance_s) if difference_s > tolerance_s => CheckVerdict::problem(
            format!(
                "{detail}: with such a clock, the gateway refuses every webhook (tolerance_s: {tolerance_s})"
            ),
            CURE,
        ),
        _ if difference_s > DIFFERENCE_S_MAX => CheckVerdict::warning(detail, CURE),
        _ => CheckVerdict::ok("this machine's clock agrees with Stripe's"),
    }))
}
