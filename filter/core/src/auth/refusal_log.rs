//! The alarms about refused tokens. If the usual cause is one of four in the configuration, the alarm shows the
//! expected and the received value, so that the operator sees the difference at once. Another alarm says that
//! no token can be verified.

use super::error::AuthError;
use super::keyring::Keyring;
use super::token::{TokenError, TokenRules};
use crate::alarm::{Alarm, AlarmCode};
use crate::log_limit::LogLimit;
use crate::report::Report;
use crate::time::Micros;
use serde_json::Value;

/// The maximum number of expected values that an alarm lists.
const EXPECTED_MAX: usize = 8;

/// The limits of the alarms, one for each cause. Anyone can send such tokens.
#[derive(Debug, Default)]
pub(super) struct RefusalLog {
    wrong_issuer: LogLimit,
    unauthorized_party: LogLimit,
    signature_mismatch: LogLimit,
    unknown_key: LogLimit,
    unsupported: LogLimit,
}

impl RefusalLog {
    /// Returns the alarm that no token can be verified, at most one a minute.
    fn unsupported(&mut self, now: Micros) -> Option<Report> {
        let cause =
            "neither Envoy nor the module can verify signatures, so every request with a token is refused";
        let cure = "use an Envoy whose build has the foreign function `verify_signature`, or build the module with the \
                    feature `rs256`";
        let is_due = self.unsupported.is_due(now);
        is_due.then(|| Alarm::error(AlarmCode::SignaturesUnsupported, cause, cure).into())
    }

    /// Returns the alarm about a refused token, at most one a minute for each code.
    pub(super) fn alarm(
        &mut self,
        error: AuthError,
        received: Option<&str>,
        rules: &TokenRules,
        keyring: &Keyring,
        now: Micros,
    ) -> Option<Report> {
        let error = match error {
            AuthError::Token(error) => error,
            AuthError::SignaturesUnsupported => return self.unsupported(now),
            AuthError::KeysUnavailable | AuthError::TooManyWaiting => return None,
        };
        let (limit, what, expected, cure) = match error {
            TokenError::WrongIssuer => (
                &mut self.wrong_issuer,
                "its issuer (`iss`) is",
                list([rules.issuer.as_str()]),
                "if your application uses this Clerk instance, set `plan_gate.issuer` to this value",
            ),
            TokenError::UnauthorizedParty if received.is_none() => (
                &mut self.unauthorized_party,
                "the origin it was issued to (`azp`) is",
                list(rules.authorized_parties.iter().map(String::as_str)),
                "if native apps or pages send such tokens, set `plan_gate.require_azp: false`",
            ),
            TokenError::UnauthorizedParty => (
                &mut self.unauthorized_party,
                "the origin it was issued to (`azp`) is",
                list(rules.authorized_parties.iter().map(String::as_str)),
                "if your application has this origin, add it to `plan_gate.authorized_parties`",
            ),
            TokenError::SignatureMismatch => (
                &mut self.signature_mismatch,
                "its signature does not match; the key it names (`kid`) is",
                list(keyring.key_ids()),
                "if it is of your application, set `plan_gate.keys` to the keys of the Clerk instance that issued it",
            ),
            TokenError::UnknownKey => (
                &mut self.unknown_key,
                "the key it names (`kid`) is",
                list(keyring.key_ids()),
                "if it is of your application, set `plan_gate.keys` to the keys of the Clerk instance that issued it",
            ),
            _ => return None,
        };
        if !limit.is_due(now) {
            return None;
        }
        let shown = received.map_or_else(|| "absent".to_owned(), |value| format!("`{value}`"));
        let cause = format!("a token was refused: {what} {shown}, expected: {expected}");
        let alarm = Alarm::warning(AlarmCode::TokenRefused, cause, cure).with("code", error.code().as_str());
        let received = received.map_or(Value::Null, Value::from);
        Some(alarm.with("expected", expected).with("received", received).into())
    }
}

/// Returns the expected values as one text.
fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<&str> = values.into_iter().take(EXPECTED_MAX).collect();
    match values.is_empty() {
        true => "a key without an id, as in a PEM".to_owned(),
        false => values.join(", "),
    }
}
