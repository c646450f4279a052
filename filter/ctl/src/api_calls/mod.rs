//! Calls to the APIs of Stripe and Clerk: over HTTPS, within the rate limits, and with retries.

mod call_scheduler;
mod endpoints;
mod http_workers;
mod rate_limits;

pub(crate) use call_scheduler::{CallScheduler, JobCall, SchedulerEvent};
pub(crate) use endpoints::{Endpoints, base_url, is_live, need_key};
pub(crate) use http_workers::CallOutcome;
pub(crate) use rate_limits::{CLERK, Rates, STRIPE, TOKEN_KEYS, TRIES_MAX, backoff};
