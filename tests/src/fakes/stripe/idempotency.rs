//! Idempotency keys: <https://docs.stripe.com/api/idempotent_requests>. The first executed request with a key
//! stores its response, an error included; a request that fails validation stores nothing.

use std::collections::{HashMap, HashSet};

use super::error::StripeError;
use crate::fakes::faults::Matcher;
use crate::fakes::server::{FakeResponse, Request};

/// The maximum length of a key.
const KEY_CHARS_MAX: usize = 255;
/// The minimum time for which Stripe keeps a key, in seconds.
const STORED_S: i64 = 24 * 3600;

/// At which moment the execution of a request fails with an internal error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionFailure {
    /// Nothing was changed.
    BeforeWork,
    /// Everything was changed.
    AfterWork,
}

/// The first request with a key, and its response.
struct StoredResponse {
    method: String,
    path: String,
    parameters: Vec<(String, String)>,
    response: FakeResponse,
    request_id: String,
    stored_at: i64,
}

/// The keys of an account.
#[derive(Default)]
pub(super) struct IdempotencyKeys {
    stored: HashMap<String, StoredResponse>,
    executing: HashSet<String>,
    failures: Vec<(usize, Matcher, ExecutionFailure)>,
}

/// Returns the key of a request; only `POST` has one.
pub(super) fn key_of(request: &Request) -> Result<Option<&str>, StripeError> {
    match request.header("idempotency-key").filter(|_| request.method == "POST") {
        Some(key) if key.chars().count() > KEY_CHARS_MAX => Err(StripeError::idempotency_key_too_long()),
        key => Ok(key),
    }
}

impl IdempotencyKeys {
    /// Reserves the key of a request that is being executed. Returns false if another one has it.
    pub(super) fn begin(&mut self, key: &str) -> bool {
        self.executing.insert(key.to_owned())
    }

    /// Ends the reservation.
    pub(super) fn end(&mut self, key: &str) {
        self.executing.remove(key);
    }

    /// Returns the response to a request whose key was used before, if it was.
    pub(super) fn replay(
        &self,
        key: &str,
        request: &Request,
        parameters: &[(String, String)],
        now: i64,
    ) -> Option<Result<FakeResponse, StripeError>> {
        if self.executing.contains(key) {
            return Some(Err(StripeError::idempotency_key_in_use(key)));
        }
        let stored = self.stored.get(key).filter(|stored| now - stored.stored_at < STORED_S)?;
        Some(if (&stored.method, &stored.path) != (&request.method, &request.path) {
            Err(StripeError::idempotency_endpoint(key, &request.path, &stored.path))
        } else if stored.parameters != parameters {
            Err(StripeError::idempotency_parameters(key))
        } else {
            let replayed = stored.response.clone().with_header("idempotent-replayed", "true");
            Ok(replayed.with_header("original-request", &stored.request_id))
        })
    }

    /// Stores the response of an executed request.
    pub(super) fn store(
        &mut self,
        key: &str,
        request: &Request,
        parameters: Vec<(String, String)>,
        response: FakeResponse,
        (request_id, now): (&str, i64),
    ) {
        let stored = StoredResponse {
            method: request.method.clone(),
            path: request.path.clone(),
            parameters,
            response,
            request_id: request_id.to_owned(),
            stored_at: now,
        };
        self.stored.insert(key.to_owned(), stored);
    }

    /// Makes the execution of the next `times` matching requests fail.
    pub(super) fn fail(&mut self, times: usize, matcher: Matcher, failure: ExecutionFailure) {
        self.failures.push((times, matcher, failure));
    }

    /// Returns how the execution of this request fails, if it does.
    pub(super) fn next_failure(&mut self, request: &Request) -> Option<ExecutionFailure> {
        let applies = |(times, matcher, _): &&mut (usize, Matcher, _)| *times > 0 && matcher.matches(request);
        let (times, _, failure) = self.failures.iter_mut().find(applies)?;
        *times -= 1;
        Some(*failure)
    }
}
