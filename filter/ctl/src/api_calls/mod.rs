//! Calls to the APIs of Stripe and Clerk: over HTTPS, within the rate limits, and with retries.

mod call_scheduler;
mod http_workers;
mod rate_limits;

pub(crate) use call_scheduler::{CallScheduler, JobCall, SchedulerEvent};
pub(crate) use http_workers::{CallOutcome, Endpoints};
pub(crate) use rate_limits::{CLERK, Rates, STRIPE, backoff};
