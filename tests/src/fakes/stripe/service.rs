//! Stripe's checks before any endpoint: key, version, form, idempotency key; and the state of all endpoints.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::StripeSettings;
use super::account::Account;
use super::endpoints::Call;
use super::error::StripeError;
use super::parameters::Parameters;
use super::routes;
use crate::fakes::server::{FakeResponse, Request, Service, unix_now};

/// The state that the server and the handle share.
pub(super) struct Stripe {
    pub(super) settings: StripeSettings,
    pub(super) state: Mutex<StripeState>,
}

/// How many events all fakes of this process have created.
static EVENTS: AtomicU64 = AtomicU64::new(0);

#[derive(Default)]
pub(super) struct StripeState {
    pub(super) account: Account,
    /// The fixed time; `None` for the clock of this machine.
    pub(super) fixed_now: Option<i64>,
    requests: u64,
    idempotent: HashMap<String, IdempotentResponse>,
}

/// The first request with an idempotency key, and its response. Stripe keeps them for 24 hours.
struct IdempotentResponse {
    path: String,
    parameters: Vec<(String, String)>,
    response: FakeResponse,
}

impl StripeState {
    pub(super) fn now(&self) -> i64 {
        self.fixed_now.unwrap_or_else(unix_now)
    }

    /// Returns the id of the next event, and its creation time.
    pub(super) fn next_event(&self) -> (String, i64) {
        // Several fakes may feed one gateway, and tests run in parallel: the ids of all of them must differ.
        let number = EVENTS.fetch_add(1, Ordering::Relaxed);
        (format!("evt_{:x}t{number:08}", std::process::id()), self.now())
    }

    /// Returns the response to the first request with that idempotency key, if there was one.
    fn replay(
        &self,
        key: &str,
        request: &Request,
        parameters: &[(String, String)],
    ) -> Option<Result<FakeResponse, StripeError>> {
        let kept = self.idempotent.get(key)?;
        Some(if kept.path != request.path {
            Err(StripeError::idempotency_endpoint(key, &request.path, &kept.path))
        } else if kept.parameters != parameters {
            Err(StripeError::idempotency_parameters(key))
        } else {
            Ok(kept.response.clone().with_header("idempotent-replayed", "true"))
        })
    }
}

/// Returns the parameters of the query and of the form.
fn parameters(request: &Request) -> Result<Vec<(String, String)>, StripeError> {
    let mut parameters = request.query_pairs();
    if request.is_write() && !request.body.is_empty() {
        let kind = request.header("content-type").unwrap_or_default();
        if kind.split(';').next() != Some("application/x-www-form-urlencoded") {
            return Err(StripeError::not_a_form());
        }
        parameters.extend(request.form());
    }
    Ok(parameters)
}

impl Stripe {
    pub(super) fn state(&self) -> MutexGuard<'_, StripeState> {
        // After a panic of a test that held the lock, its message matters, not a second panic here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks the key and returns whether it is one of the other mode.
    fn authenticate(&self, request: &Request) -> Result<bool, StripeError> {
        let key = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let key = key.filter(|key| !key.is_empty()).ok_or_else(StripeError::missing_key)?;
        match (
            self.settings.keys.iter().any(|k| k == key),
            self.settings.other_mode_keys.iter().any(|k| k == key),
        ) {
            (true, _) => Ok(false),
            (_, true) => Ok(true),
            _ => Err(StripeError::invalid_key(key)),
        }
    }

    fn check_version(&self, request: &Request) -> Result<(), StripeError> {
        match request.header("stripe-version") {
            None => Err(StripeError::missing_version()),
            Some(version) if version != self.settings.version => Err(StripeError::invalid_version(version)),
            Some(_) => Ok(()),
        }
    }

    fn call(&self, request: &Request, state: &mut StripeState) -> Result<FakeResponse, StripeError> {
        let other_mode = self.authenticate(request)?;
        self.check_version(request)?;
        let parameters = parameters(request)?;
        let key = request.header("idempotency-key").filter(|_| request.method == "POST").map(str::to_owned);
        if let Some(response) = key.as_deref().and_then(|key| state.replay(key, request, &parameters)) {
            return response;
        }
        let mut call = Call {
            account: &mut state.account,
            livemode: self.settings.livemode,
            other_mode,
            deleted_customers_list: self.settings.deleted_customers_list,
            parameters: Parameters(parameters.clone()),
        };
        let response = FakeResponse::json(200, &routes::dispatch(&mut call, &request.method, &request.path)?);
        if let Some(key) = key {
            let kept =
                IdempotentResponse { path: request.path.clone(), parameters, response: response.clone() };
            state.idempotent.insert(key, kept);
        }
        Ok(response)
    }
}

impl Service for Stripe {
    fn carry_out(&self, request: &Request) -> FakeResponse {
        let mut state = self.state();
        state.requests += 1;
        let request_id = format!("req_{:014}", state.requests);
        let response = self.call(request, &mut state).unwrap_or_else(|error| error.response());
        response.with_header("request-id", &request_id).with_header("stripe-version", &self.settings.version)
    }
}
