//! Stripe's checks before any endpoint: key, version, form, idempotency key; and the state of all endpoints.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::StripeSettings;
use super::account::Account;
use super::calendar::http_date;
use super::endpoints::Call;
use super::error::StripeError;
use super::idempotency::{self, ExecutionFailure, IdempotencyKeys};
use super::pages;
use super::parameters::Parameters;
use super::permissions;
use super::routes;
use crate::fakes::server::{FakeResponse, Request, Service, unix_now};

/// The state that the server and the handle share.
pub(super) struct Stripe {
    pub(super) settings: StripeSettings,
    pub(super) state: Mutex<StripeState>,
    /// The number of events so far.
    pub(super) events: watch::Sender<usize>,
}

#[derive(Default)]
pub(super) struct StripeState {
    pub(super) account: Account,
    /// The fixed time; `None` for the clock of this machine.
    pub(super) fixed_now: Option<i64>,
    /// The number of events that [`super::FakeStripe::take_events`] has returned.
    pub(super) taken: usize,
    requests: u64,
    pub(super) idempotency: IdempotencyKeys,
}

impl StripeState {
    pub(super) fn now(&self) -> i64 {
        self.fixed_now.unwrap_or_else(unix_now)
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

    /// Wakes up the tasks that deliver events.
    pub(super) fn announce(&self, state: &StripeState) {
        let count = state.account.events.end();
        self.events.send_if_modified(|known| std::mem::replace(known, count) != count);
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

    fn call(
        &self,
        request: &Request,
        state: &mut StripeState,
        id: &str,
    ) -> Result<FakeResponse, StripeError> {
        let other_mode = self.authenticate(request)?;
        self.check_version(request)?;
        permissions::check(request, &self.settings.missing_permissions)?;
        let parameters = parameters(request)?;
        let now = state.now();
        let key = idempotency::key_of(request)?;
        let replay = |key| state.idempotency.replay(key, request, &parameters, now);
        if let Some(response) = key.and_then(replay) {
            return response;
        }
        let result = self.execute(request, state, other_mode, &parameters);
        let is_executed = result.as_ref().map_or_else(StripeError::is_executed, |_| true);
        let response = result.unwrap_or_else(|error| error.response());
        if let Some(key) = key.filter(|_| is_executed) {
            state.idempotency.store(key, request, parameters, response.clone(), (id, now));
        }
        Ok(response)
    }

    fn execute(
        &self,
        request: &Request,
        state: &mut StripeState,
        other_mode: bool,
        parameters: &[(String, String)],
    ) -> Result<FakeResponse, StripeError> {
        let failure = state.idempotency.next_failure(request);
        if failure == Some(ExecutionFailure::BeforeWork) {
            return Err(StripeError::internal());
        }
        let mut call = Call {
            account: &mut state.account,
            livemode: self.settings.livemode,
            other_mode,
            deleted_customers_list: self.settings.deleted_customers_list,
            parameters: Parameters(parameters.to_vec()),
        };
        let body = routes::dispatch(&mut call, &request.method, &request.path)?;
        match failure {
            Some(_) => Err(StripeError::internal()),
            None => Ok(FakeResponse::json(200, &body)),
        }
    }
}

impl Service for Stripe {
    fn carry_out(&self, request: &Request) -> FakeResponse {
        let mut state = self.state();
        state.account.now = state.now();
        if let Some(page) = pages::respond(&mut state.account, request) {
            self.announce(&state);
            return page;
        }
        state.requests += 1;
        let request_id = format!("req_{:014}", state.requests);
        let response = self.call(request, &mut state, &request_id).unwrap_or_else(|error| error.response());
        self.announce(&state);
        let response = match self.settings.clock_ahead_s {
            0 => response,
            ahead_s => response.with_header("date", &http_date(unix_now() + ahead_s)),
        };
        response.with_header("request-id", &request_id).with_header("stripe-version", &self.settings.version)
    }

    fn begin(&self, request: &Request) -> bool {
        let key = idempotency::key_of(request).ok().flatten();
        key.is_none_or(|key| self.state().idempotency.begin(key))
    }

    fn end(&self, request: &Request) {
        if let Ok(Some(key)) = idempotency::key_of(request) {
            self.state().idempotency.end(key);
        }
    }
}
