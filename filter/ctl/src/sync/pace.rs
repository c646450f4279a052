//! How fast the APIs may be asked, and how long to wait before a call is repeated. Reads no clock.

use std::collections::BTreeMap;
use std::time::Duration;
use tollgate_core::http::{Callout, Request};
use tollgate_core::time::Micros;

/// How often one call is tried.
pub(super) const TRIES_MAX: u32 = 8;

/// The first wait before a call is repeated; each further one is twice as long.
const BACKOFF_FIRST: Duration = Duration::from_millis(250);

/// The longest wait, whatever the service asks for.
pub(super) const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Calls a second that Stripe takes at one endpoint, with a fifth left to others: <https://docs.stripe.com/rate-limits>.
const STRIPE_ENDPOINT_PER_S: u32 = 20;

/// The cluster names that the command gives the two services.
pub(super) const STRIPE: &str = "stripe";
/// See [`STRIPE`].
pub(super) const CLERK: &str = "clerk";

/// Calls a second that are made at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) stripe_per_s: u32,
    pub(super) stripe_endpoint_per_s: u32,
    pub(super) clerk_per_s: u32,
}

impl Rates {
    /// Four fifths of what the services allow: 100 a second live and 25 otherwise at Stripe, 1,000 or 100 in ten seconds
    /// at Clerk. Numbers of the user's own count as they are.
    pub(super) fn new(stripe_live: bool, clerk_live: bool, stripe: Option<u32>, clerk: Option<u32>) -> Self {
        Rates {
            stripe_per_s: stripe.unwrap_or(if stripe_live { 80 } else { 20 }),
            stripe_endpoint_per_s: stripe.unwrap_or(STRIPE_ENDPOINT_PER_S),
            clerk_per_s: clerk.unwrap_or(if clerk_live { 80 } else { 8 }),
        }
    }
}

/// When the next call may go where.
#[derive(Debug)]
pub(super) struct Pace {
    rates: Rates,
    free_at: BTreeMap<String, Micros>,
}

impl Pace {
    pub(super) fn new(rates: Rates) -> Self {
        Pace { rates, free_at: BTreeMap::new() }
    }

    /// Takes a place for a call.
    ///
    /// # Errors
    /// When to ask again, if there is none now.
    pub(super) fn admit(&mut self, now: Micros, callout: &Callout) -> Result<(), Micros> {
        let lanes = self.lanes(callout);
        let free_at = lanes.iter().filter_map(|(lane, _)| self.free_at.get(lane)).max().copied();
        if let Some(free_at) = free_at.filter(|free_at| *free_at > now) {
            return Err(free_at);
        }
        for (lane, per_s) in lanes {
            let spacing = Duration::from_secs(1).checked_div(per_s.max(1)).unwrap_or_default();
            self.free_at.insert(lane, now.plus(spacing));
        }
        Ok(())
    }

    /// Holds everything back that goes to a service.
    pub(super) fn hold(&mut self, callout: &Callout, until: Micros) {
        let free_at = self.free_at.entry(callout.cluster.clone()).or_default();
        *free_at = until.max(*free_at);
    }

    /// The limits that a call falls under.
    fn lanes(&self, callout: &Callout) -> Vec<(String, u32)> {
        let Rates { stripe_per_s, stripe_endpoint_per_s, clerk_per_s } = self.rates;
        match callout.cluster.as_str() {
            STRIPE => {
                vec![(STRIPE.to_owned(), stripe_per_s), (endpoint(callout), stripe_endpoint_per_s)]
            }
            cluster => vec![(cluster.to_owned(), clerk_per_s)],
        }
    }
}

/// Method and path, with a star for each id.
fn endpoint(callout: &Callout) -> String {
    let Request::Http { method, path, .. } = &callout.request else { return String::new() };
    let path = path.split('?').next().unwrap_or_default();
    let segments = path.split('/').map(|segment| if segment.contains('_') { "*" } else { segment });
    format!("{method} {}", segments.collect::<Vec<_>>().join("/"))
}

/// How long to wait after so many tries; what the service asks for counts, up to [`BACKOFF_MAX`].
pub(super) fn backoff(tries: u32, asked: Option<Duration>) -> Duration {
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

    /// How many of these calls are admitted in one second.
    fn admitted(pace: &mut Pace, callouts: &[Callout]) -> usize {
        let millisecond = |ms: u64| {
            let now = Micros::from_micros(ms.saturating_mul(1_000));
            callouts.iter().filter(|callout| pace.admit(now, callout).is_ok()).count()
        };
        (0..1_000).map(millisecond).sum()
    }

    #[test]
    fn one_endpoint_and_the_whole_service_have_a_limit_each() {
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
            let mut pace = Pace::new(Rates::new(live, live, None, None));
            assert_eq!(admitted(&mut pace, callouts), want, "{why}");
        }
        let mut pace = Pace::new(Rates::new(false, false, Some(100), Some(50)));
        assert_eq!(admitted(&mut pace, &one), 100, "the user's own number");
    }

    #[test]
    fn a_service_that_asks_for_a_pause_gets_it() {
        let mut pace = Pace::new(Rates::new(true, true, None, None));
        let (stripe, clerk) = (callout(STRIPE, "/v1/a"), callout(CLERK, "/v1/b"));
        let until = Micros::from_secs(9);
        pace.hold(&stripe, until);
        assert_eq!(pace.admit(Micros::from_secs(8), &stripe), Err(until));
        assert_eq!(pace.admit(Micros::from_secs(8), &clerk), Ok(()));
        assert_eq!(pace.admit(until, &stripe), Ok(()));
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
