//! Faults of a fake: what fails, for which requests, and how often. No fault depends on the speed of the
//! machine.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tollgate_fixtures::Random;

use crate::fakes::server::{FakeResponse, Request};
use crate::waiting::WAIT_MAX;

/// A condition on requests. Every part that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    method: Option<String>,
    path_prefix: Option<String>,
    contains: Option<String>,
}

/// Returns the condition that every request meets.
pub fn any() -> Matcher {
    Matcher::default()
}

/// Returns the condition on the method (`*` for any) and the start of the path.
pub fn on(method: &str, path_prefix: &str) -> Matcher {
    let method = (method != "*").then(|| method.to_owned());
    Matcher { method, path_prefix: Some(path_prefix.to_owned()), contains: None }
}

impl Matcher {
    /// Adds the condition that the path and query, or the body, contain this text (not decoded).
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.contains = Some(text.to_owned());
        self
    }

    /// Returns whether a request meets the condition.
    pub fn matches(&self, request: &Request) -> bool {
        let body = String::from_utf8_lossy(&request.body);
        self.method.as_ref().is_none_or(|method| *method == request.method)
            && self.path_prefix.as_ref().is_none_or(|prefix| request.path.starts_with(prefix.as_str()))
            && self.contains.as_ref().is_none_or(|text| {
                request.path_and_query().contains(text.as_str()) || body.contains(text.as_str())
            })
    }
}

/// A fault.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The request is carried out after this time.
    Delay(Duration),
    /// The request waits before it is carried out, as if it were still in transit.
    HoldRequest(HoldPoint),
    /// The request waits while the fake executes it. Meanwhile it has what the service reserves for it, such
    /// as an idempotency key.
    HoldExecution(HoldPoint),
    /// The request is carried out at once; its response waits.
    HoldResponse(HoldPoint),
    /// The request is not carried out; the fake sends this response.
    Response(FakeResponse),
    /// The request is not carried out; the connection is reset.
    Reset,
    /// The request is carried out, but the connection is reset before the response.
    LoseResponse,
    /// The request is carried out; the connection is reset after half of the response body.
    ResetMidBody,
}

impl Fault {
    /// Returns a response with this status and JSON body.
    pub fn status(status: u16, body: &Value) -> Self {
        Fault::Response(FakeResponse::json(status, body))
    }

    /// Returns a 503 with an HTML body, as a load balancer in front of the service sends it.
    pub fn unavailable() -> Self {
        Fault::Response(FakeResponse {
            status: 503,
            headers: vec![("content-type".to_owned(), "text/html".to_owned())],
            body: b"<html><body><h1>503 Service Unavailable</h1></body></html>".to_vec(),
        })
    }

    /// Returns Stripe's 429, which has no `Retry-After`.
    pub fn stripe_rate_limit() -> Self {
        let message = "Request rate limit exceeded. Learn more about rate limits here \
                       https://stripe.com/docs/rate-limits.";
        let error = json!({"code": "rate_limit", "message": message, "type": "invalid_request_error"});
        Fault::status(429, &json!({"error": error}))
    }

    /// Returns Clerk's 429, with `Retry-After`.
    pub fn clerk_rate_limit(retry_after_s: u32) -> Self {
        let text = "Too many requests. Please try again in a bit.";
        let error =
            json!({"code": "too_many_requests", "message": "Too many requests", "long_message": text});
        let response = FakeResponse::json(429, &json!({"errors": [error]}));
        Fault::Response(response.with_header("retry-after", &retry_after_s.to_string()))
    }

    /// Returns a 200 that is not JSON, although its `Content-Type` says so.
    pub fn garbage() -> Self {
        let mut response = FakeResponse::json(200, &Value::Null);
        response.body = b"{\"object\": \"list\", \"data\": [\xff\xfe\x00".to_vec();
        Fault::Response(response)
    }

    /// Returns a 200 with a valid JSON body of at least `bytes` bytes.
    pub fn huge(bytes: usize) -> Self {
        Fault::status(200, &json!({"object": "list", "data": "x".repeat(bytes)}))
    }

    /// Returns the name that the request log shows.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Delay(_) => "delay",
            Fault::HoldRequest(_) => "hold request",
            Fault::HoldExecution(_) => "hold execution",
            Fault::HoldResponse(_) => "hold response",
            Fault::Response(_) => "response",
            Fault::Reset => "reset",
            Fault::LoseResponse => "lose response",
            Fault::ResetMidBody => "reset mid-body",
        }
    }
}

/// A point at which requests or responses wait until a test releases them.
#[derive(Clone)]
pub struct HoldPoint {
    permits: Arc<Semaphore>,
    arrivals: Arc<watch::Sender<usize>>,
}

impl Default for HoldPoint {
    fn default() -> Self {
        HoldPoint { permits: Arc::new(Semaphore::new(0)), arrivals: Arc::new(watch::Sender::new(0)) }
    }
}

impl HoldPoint {
    /// Returns a closed hold point.
    pub fn new() -> Self {
        HoldPoint::default()
    }

    /// Waits until `arrived` requests or responses, counted from the start, have reached this point.
    ///
    /// # Panics
    /// If they have not in [`WAIT_MAX`].
    pub async fn wait_for(&self, arrived: usize) {
        let mut arrivals = self.arrivals.subscribe();
        let waiting = arrivals.wait_for(|now| *now >= arrived);
        let waited = tokio::time::timeout(WAIT_MAX, waiting).await;
        assert!(waited.is_ok(), "waited {WAIT_MAX:?} for {arrived} arrivals; {} arrived", self.arrived());
    }

    /// Returns how many have reached this point, including those released since.
    pub fn arrived(&self) -> usize {
        *self.arrivals.borrow()
    }

    /// Releases one: the first that waits, or the next to arrive.
    pub fn release_one(&self) {
        self.permits.add_permits(1);
    }

    /// Releases all that wait or arrive from now on.
    pub fn open(&self) {
        self.permits.close();
    }

    pub(crate) async fn pass(&self) {
        self.arrivals.send_modify(|count| *count += 1);
        // An error means that the semaphore is closed: the hold point is open.
        if let Ok(permit) = self.permits.acquire().await {
            permit.forget();
        }
    }
}

impl fmt::Debug for HoldPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HoldPoint({} arrived)", self.arrived())
    }
}

/// The number of requests to which a rule applies.
#[derive(Debug)]
enum Frequency {
    Times(usize),
    Always,
    /// With this probability, drawn from a generator with a seed.
    Sometimes(f64, Random),
}

#[derive(Debug)]
struct FaultRule {
    matcher: Matcher,
    frequency: Frequency,
    fault: Fault,
}

impl FaultRule {
    fn applies_to(&mut self, request: &Request) -> bool {
        self.matcher.matches(request)
            && match &mut self.frequency {
                Frequency::Always => true,
                Frequency::Times(0) => false,
                Frequency::Times(left) => {
                    *left -= 1;
                    true
                }
                Frequency::Sometimes(probability, random) => random.unit() < *probability,
            }
    }
}

/// The rules of one fake. The first rule that applies to a request decides its fault.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<FaultRule>>,
}

impl Faults {
    /// Makes the next `times` matching requests fail.
    pub fn next(&self, times: usize, matcher: Matcher, fault: Fault) {
        self.add(FaultRule { matcher, frequency: Frequency::Times(times), fault });
    }

    /// Makes every matching request fail.
    pub fn always(&self, matcher: Matcher, fault: Fault) {
        self.add(FaultRule { matcher, frequency: Frequency::Always, fault });
    }

    /// Makes a matching request fail with this probability (0 to 1). The same seed fails the same requests.
    pub fn sometimes(&self, probability: f64, seed: u64, matcher: Matcher, fault: Fault) {
        let frequency = Frequency::Sometimes(probability, Random::from_seed(seed));
        self.add(FaultRule { matcher, frequency, fault });
    }

    /// Removes all rules. Requests and responses that wait at a hold point keep waiting.
    pub fn clear(&self) {
        self.rules.lock().unwrap().clear();
    }

    pub(crate) fn next_for(&self, request: &Request) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        rules.iter_mut().find_map(|rule| rule.applies_to(request).then(|| rule.fault.clone()))
    }

    fn add(&self, rule: FaultRule) {
        self.rules.lock().unwrap().push(rule);
    }
}
