//! The rate limits of the two APIs, and the wait before a retry. Reads no clock.
//!
//! The crate `governor` is not used. It cannot take from two limits at once or from none (Stripe limits the
//! account and each endpoint), it cannot hold a limit until the time of a `Retry-After`, and it brings nine
//! more crates.

use std::collections::BTreeMap;
use std::time::Duration;
use tollgate_core::http::{Callout, Request};
use tollgate_core::time::Micros;

/// The maximum number of attempts of a call.
pub(crate) const TRIES_MAX: u32 = 8;

/// The first wait before a retry. Each further one is twice as long.
const BACKOFF_FIRST: Duration = Duration::from_millis(250);

/// The longest wait, also with a longer `Retry-After`.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Calls per second to one endpoint of Stripe: <https://docs.stripe.com/rate-limits> allows 25, and a fifth
/// is left to other clients.
const STRIPE_ENDPOINT_PER_S: u32 = 20;

/// The command's name for the cluster of Stripe's API.
pub(crate) const STRIPE: &str = "stripe";
/// The command's name for the cluster of Clerk's API.
pub(crate) const CLERK: &str = "clerk";
/// The command's name for the cluster of the key set of session tokens.
pub(crate) const TOKEN_KEYS: &str = "token_keys";

/// The maximum calls per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) stripe_per_s: u32,
    pub(crate) stripe_endpoint_per_s: u32,
    pub(crate) clerk_per_s: u32,
}

impl Rates {
    /// Returns four fifths of what the APIs allow: Stripe 100 per second in live mode and 25 otherwise, Clerk
    /// 1,000 or 100 in ten seconds. Numbers of the user are used unchanged.
    pub(crate) fn new(stripe_live: bool, clerk_live: bool, stripe: Option<u32>, clerk: Option<u32>) -> Self {
        Rates {
            stripe_per_s: stripe.unwrap_or(if stripe_live { 80 } else { 20 }),
            stripe_endpoint_per_s: stripe.unwrap_or(STRIPE_ENDPOINT_PER_S),
            clerk_per_s: clerk.unwrap_or(if clerk_live { 80 } else { 8 }),
        }
    }
}

/// The times at which the next call to each API and endpoint is admitted.
#[derive(Debug)]
pub(crate) struct RateLimits {
    rates: Rates,
    free_at: BTreeMap<String, Micros>,
}

impl RateLimits {
    pub(crate) fn new(rates: Rates) -> Self {
        RateLimits { rates, free_at: BTreeMap::new() }
    }

    /// Admits a call.
    ///
    /// # Errors
    /// The time at which to try again, if the call is not admitted now.
    pub(crate) fn admit(&mut self, now: Micros, callout: &Callout) -> Result<(), Micros> {
        let limits = self.limits(callout);
        let free_at = limits.iter().filter_map(|(limit, _)| self.free_at.get(limit)).max().copied();
        if let Some(free_at) = free_at.filter(|free_at| *free_at > now) {
            return Err(free_at);
        }
        for (limit, per_s) in limits {
            let spacing = Duration::from_secs(1).checked_div(per_s.max(1)).unwrap_or_default();
            self.free_at.insert(limit, now.plus(spacing));
        }
        Ok(())
    }

    /// Admits no calls to an API before `until`.
    pub(crate) fn hold(&mut self, callout: &Callout, until: Micros) {
        let free_at = self.free_at.entry(callout.cluster.clone()).or_default();
        *free_at = until.max(*free_at);
    }

    /// Returns the limits that a call counts against, each with its calls per second.
    fn limits(&self, callout: &Callout) -> Vec<(String, u32)> {
        let Rates { stripe_per_s, stripe_endpoint_per_s, clerk_per_s } = self.rates;
        match callout.cluster.as_str() {
            STRIPE => {
                vec![(STRIPE.to_owned(), stripe_per_s), (endpoint(callout), stripe_endpoint_per_s)]
            }
            cluster => vec![(cluster.to_owned(), clerk_per_s)],
        }
    }
}

/// Returns method and path, with a star for each id.
fn endpoint(callout: &Callout) -> String {
    let Request::Http { method, path, .. } = &callout.request else { return String::new() };
    let path = path.split('?').next().unwrap_or_default();
    let segments = path.split('/').map(|segment| if segment.contains('_') { "*" } else { segment });
    format!("{method} {}", segments.collect::<Vec<_>>().join("/"))
}

/// Returns how long to wait after that many attempts. A `Retry-After` replaces it. At most [`BACKOFF_MAX`].
pub(crate) fn backoff(tries: u32, asked: Option<Duration>) -> Duration {
    let own = BACKOFF_FIRST.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
    asked.unwrap_or(own).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callout(cluster: &str, path: &str) -> Callout {
        Callout {
            cluster: cluster.to_owned(),
            timeout: Duration::from_secs(1),
            request: Request::Http {
                method: "GET",
                authority: String::new(),
                path: path.to_owned(),
                headers: Vec::new(),
                body: Vec::new(),
            },
        }
    }

    /// Returns how many of these calls are admitted in one second.
    fn admitted(rate_limits: &mut RateLimits, callouts: &[Callout]) -> usize {
        let millisecond = |ms: u64| {
            let now = Micros::from_micros(ms.saturating_mul(1_000));
            callouts.iter().filter(|callout| rate_limits.admit(now, callout).is_ok()).count()
        };
        (0..1_000).map(millisecond).sum()
    }

    #[test]
    fn an_endpoint_and_the_whole_service_have_a_limit_each() {
        let one =
            [callout(STRIPE, "/v1/subscriptions/sub_1?x=1"), callout(STRIPE, "/v1/subscriptions/sub_2")];
        let two =
            [callout(STRIPE, "/v1/subscriptions?customer=cus_1"), callout(STRIPE, "/v1/customers/cus_1")];
        let six = ["a", "b", "c", "d", "e", "f"].map(|path| callout(STRIPE, path));
        let cases = [
            ("an endpoint", true, &one[..], 20),
            ("two endpoints", true, &two, 40),
            ("all of a live account", true, &six, 77),
            ("all of a test account", false, &six, 20),
            ("Clerk in production", true, &[callout(CLERK, "/v1/users/user_1")], 77),
            ("Clerk in development", false, &[callout(CLERK, "/v1/users/user_1")], 8),
        ];
        for (why, live, callouts, want) in cases {
            let mut rate_limits = RateLimits::new(Rates::new(live, live, None, None));
            assert_eq!(admitted(&mut rate_limits, callouts), want, "{why}");
        }
        let mut rate_limits = RateLimits::new(Rates::new(false, false, Some(100), Some(50)));
        assert_eq!(admitted(&mut rate_limits, &one), 100, "the user's own number");
    }

    #[test]
    fn no_calls_are_admitted_during_a_hold() {
        let mut rate_limits = RateLimits::new(Rates::new(true, true, None, None));
        let (stripe, clerk) = (callout(STRIPE, "/v1/a"), callout(CLERK, "/v1/b"));
        let until = Micros::from_secs(9);
        rate_limits.hold(&stripe, until);
        assert_eq!(rate_limits.admit(Micros::from_secs(8), &stripe), Err(until));
        assert_eq!(rate_limits.admit(Micros::from_secs(8), &clerk), Ok(()));
        assert_eq!(rate_limits.admit(until, &stripe), Ok(()));
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let ms = Duration::from_millis;
        assert_eq!([1, 2, 3].map(|tries| backoff(tries, None)), [ms(250), ms(500), ms(1_000)]);
        assert_eq!(backoff(60, None), BACKOFF_MAX);
        assert_eq!(backoff(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(backoff(1, Some(Duration::from_secs(700))), BACKOFF_MAX);
    }
}
