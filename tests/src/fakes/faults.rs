//! What can go wrong with a fake's answers, for which requests, and how often. Nothing here guesses at times.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use crate::fakes::server::{FakeResponse, Request};

/// How long a [`Gate`] is waited for before the test fails.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Which requests are meant. Every condition that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    method: Option<String>,
    path_prefix: Option<String>,
    contains: Option<String>,
}

/// All requests.
pub fn any() -> Matcher {
    Matcher::default()
}

/// The requests of that method (`*` for any) whose path begins so.
pub fn on(method: &str, path_prefix: &str) -> Matcher {
    let method = (method != "*").then(|| method.to_owned());
    Matcher { method, path_prefix: Some(path_prefix.to_owned()), contains: None }
}

impl Matcher {
    /// Only those whose path and query, or body, contain this text (as it stands on the wire).
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.contains = Some(text.to_owned());
        self
    }

    /// Whether the request is one of those meant.
    pub fn matches(&self, request: &Request) -> bool {
        let body = String::from_utf8_lossy(&request.body);
        self.method.as_ref().is_none_or(|method| *method == request.method)
            && self.path_prefix.as_ref().is_none_or(|prefix| request.path.starts_with(prefix.as_str()))
            && self.contains.as_ref().is_none_or(|text| {
                request.path_and_query().contains(text.as_str()) || body.contains(text.as_str())
            })
    }
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The request is carried out only after this time.
    Delay(Duration),
    /// The request waits at the gate before it is carried out, as if it were still on its way.
    HoldRequest(Gate),
    /// The request is carried out at once; its answer waits at the gate.
    HoldAnswer(Gate),
    /// The request is not carried out; this is the answer.
    Answer(FakeResponse),
    /// The request is not carried out; the connection is reset.
    Reset,
    /// The request is carried out, but the connection is reset before the answer.
    LoseAnswer,
    /// The request is carried out; the connection is reset after half of the answer's body.
    ResetMidBody,
}

impl Fault {
    /// An answer of that status with that body, `content-type: application/json`.
    pub fn status(status: u16, body: &Value) -> Self {
        Fault::Answer(FakeResponse::json(status, body))
    }

    /// A 503 as a load balancer in front of the service would give it: HTML.
    pub fn unavailable() -> Self {
        Fault::Answer(FakeResponse {
            status: 503,
            headers: vec![("content-type".to_owned(), "text/html".to_owned())],
            body: b"<html><body><h1>503 Service Unavailable</h1></body></html>".to_vec(),
        })
    }

    /// Stripe's 429, which does not say when to come again.
    pub fn stripe_rate_limit() -> Self {
        let message = "Request rate limit exceeded. Learn more about rate limits here \
                       https://stripe.com/docs/rate-limits.";
        let error = json!({"code": "rate_limit", "message": message, "type": "invalid_request_error"});
        Fault::status(429, &json!({"error": error}))
    }

    /// Clerk's 429, which says after how many seconds to come again.
    pub fn clerk_rate_limit(retry_after_s: u32) -> Self {
        let text = "Too many requests. Please try again in a bit.";
        let error =
            json!({"code": "too_many_requests", "message": "Too many requests", "long_message": text});
        let answer = FakeResponse::json(429, &json!({"errors": [error]}));
        Fault::Answer(answer.with_header("retry-after", &retry_after_s.to_string()))
    }

    /// A 200 that says it is JSON and is not.
    pub fn garbage() -> Self {
        let mut answer = FakeResponse::json(200, &Value::Null);
        answer.body = b"{\"object\": \"list\", \"data\": [\xff\xfe\x00".to_vec();
        Fault::Answer(answer)
    }

    /// A 200 whose body, valid JSON, has at least so many bytes.
    pub fn huge(bytes: usize) -> Self {
        Fault::status(200, &json!({"object": "list", "data": "x".repeat(bytes)}))
    }

    /// Its name, as the request log shows it.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Delay(_) => "delay",
            Fault::HoldRequest(_) => "hold request",
            Fault::HoldAnswer(_) => "hold answer",
            Fault::Answer(_) => "answer",
            Fault::Reset => "reset",
            Fault::LoseAnswer => "lose answer",
            Fault::ResetMidBody => "reset mid-body",
        }
    }
}

/// Where requests or answers wait until a test lets them pass.
#[derive(Clone)]
pub struct Gate {
    permits: Arc<Semaphore>,
    arrivals: Arc<watch::Sender<usize>>,
}

impl Default for Gate {
    fn default() -> Self {
        Gate { permits: Arc::new(Semaphore::new(0)), arrivals: Arc::new(watch::Sender::new(0)) }
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Gate::default()
    }

    /// Waits until so many, counted from the start, have come to the gate.
    ///
    /// # Panics
    /// If they have not after 20 seconds.
    pub async fn wait_for(&self, arrived: usize) {
        let mut arrivals = self.arrivals.subscribe();
        let waiting = arrivals.wait_for(|now| *now >= arrived);
        let waited = tokio::time::timeout(WAIT_MAX, waiting).await;
        assert!(waited.is_ok(), "waited {WAIT_MAX:?} for {arrived} at the gate; {} came", self.arrived());
    }

    /// How many have come to the gate, those that passed included.
    pub fn arrived(&self) -> usize {
        *self.arrivals.borrow()
    }

    /// Lets one pass: the one that came first, or the next to come.
    pub fn release_one(&self) {
        self.permits.add_permits(1);
    }

    /// Opens the gate for good.
    pub fn open(&self) {
        self.permits.close();
    }

    pub(crate) async fn pass(&self) {
        self.arrivals.send_modify(|count| *count += 1);
        // An error means that the gate is open for good.
        if let Ok(permit) = self.permits.acquire().await {
            permit.forget();
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({} arrived)", self.arrived())
    }
}

/// How often a rule strikes.
#[derive(Debug)]
enum Often {
    Times(usize),
    Always,
    /// With this probability, drawn from a generator with a seed.
    Sometimes(f64, SplitMix64),
}

#[derive(Debug)]
struct Rule {
    matcher: Matcher,
    often: Often,
    fault: Fault,
}

impl Rule {
    fn strikes(&mut self, request: &Request) -> bool {
        self.matcher.matches(request)
            && match &mut self.often {
                Often::Always => true,
                Often::Times(0) => false,
                Often::Times(left) => {
                    *left -= 1;
                    true
                }
                Often::Sometimes(probability, random) => random.unit() < *probability,
            }
    }
}

/// The rules of one fake. The first that matches and strikes has its way with a request.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<Rule>>,
}

impl Faults {
    /// The next so many matching requests meet the fault.
    pub fn next(&self, times: usize, matcher: Matcher, fault: Fault) {
        self.add(Rule { matcher, often: Often::Times(times), fault });
    }

    /// Every matching request meets the fault.
    pub fn always(&self, matcher: Matcher, fault: Fault) {
        self.add(Rule { matcher, often: Often::Always, fault });
    }

    /// A matching request meets the fault with this probability (0 to 1). The same seed strikes at the same places.
    pub fn sometimes(&self, probability: f64, seed: u64, matcher: Matcher, fault: Fault) {
        self.add(Rule { matcher, often: Often::Sometimes(probability, SplitMix64(seed)), fault });
    }

    /// Nothing goes wrong any more. What waits at a gate still waits there.
    pub fn clear(&self) {
        self.rules.lock().unwrap().clear();
    }

    pub(crate) fn next_for(&self, request: &Request) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        rules.iter_mut().find_map(|rule| rule.strikes(request).then(|| rule.fault.clone()))
    }

    fn add(&self, rule: Rule) {
        self.rules.lock().unwrap().push(rule);
    }
}

/// The generator of <https://prng.di.unimi.it/splitmix64.c>: a test that failed can be run again as it was.
#[derive(Clone, Debug)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0, inclusive, to 1, exclusive.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests;
