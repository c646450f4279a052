//! What Stripe checks before any endpoint: key, version, form, idempotency key; and the state behind them all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::StripeSettings;
use super::account::Account;
use super::endpoints::{self, Call};
use super::error::StripeError;
use super::parameters::Parameters;
use crate::fakes::server::{FakeResponse, Request, Service, unix_now};

/// What the server and the handle share.
pub(super) struct Stripe {
    pub(super) settings: StripeSettings,
    pub(super) state: Mutex<StripeState>,
}

/// How many events all fakes of this process have made.
static EVENTS: AtomicU64 = AtomicU64::new(0);

#[derive(Default)]
pub(super) struct StripeState {
    pub(super) account: Account,
    /// `None`: the clock of this machine.
    pub(super) fixed_now: Option<i64>,
    requests: u64,
    idempotent: HashMap<String, Kept24h>,
}

/// What is remembered under an idempotency key.
struct Kept24h {
    path: String,
    parameters: Vec<(String, String)>,
    answer: FakeResponse,
}

impl StripeState {
    pub(super) fn now(&self) -> i64 {
        self.fixed_now.unwrap_or_else(unix_now)
    }

    /// The id of the next event, and when it is made.
    pub(super) fn next_event(&self) -> (String, i64) {
        // Several fakes may feed one gateway, and tests run side by side: ids must differ between all of them.
        let number = EVENTS.fetch_add(1, Ordering::Relaxed);
        (format!("evt_{:x}t{number:08}", std::process::id()), self.now())
    }

    /// The first answer under that idempotency key, if there was one.
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
            Ok(kept.answer.clone().with_header("idempotent-replayed", "true"))
        })
    }
}

/// Those of the query and of the form.
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
        // A panic of a test that held the lock must not hide itself behind a second one here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the key is one of the other mode.
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
        if let Some(answer) = key.as_deref().and_then(|key| state.replay(key, request, &parameters)) {
            return answer;
        }
        let mut call = Call {
            account: &mut state.account,
            livemode: self.settings.livemode,
            other_mode,
            deleted_customers_list: self.settings.deleted_customers_list,
            parameters: Parameters(parameters.clone()),
        };
        let answer =
            FakeResponse::json(200, &endpoints::dispatch(&mut call, &request.method, &request.path)?);
        if let Some(key) = key {
            let kept = Kept24h { path: request.path.clone(), parameters, answer: answer.clone() };
            state.idempotent.insert(key, kept);
        }
        Ok(answer)
    }
}

impl Service for Stripe {
    fn carry_out(&self, request: &Request) -> FakeResponse {
        let mut state = self.state();
        state.requests += 1;
        let request_id = format!("req_{:014}", state.requests);
        let answer = self.call(request, &mut state).unwrap_or_else(|error| error.answer());
        answer.with_header("request-id", &request_id).with_header("stripe-version", &self.settings.version)
    }
}
