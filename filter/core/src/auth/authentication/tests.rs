//! Tests of signatures that the host cannot verify. The gate's tests cover all else.

use super::*;
use crate::auth::KeySource;
use crate::auth::keys::rs256;
use crate::auth::token::tests::factory::{Draft, NOW_S, other_key, own_key, public, rules};
use crate::http::Reply;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

impl AsRef<Session> for Session {
    fn as_ref(&self) -> &Session {
        self
    }
}

fn state() -> AuthState<Session> {
    let keys = KeySource::Pem(vec![STANDARD.encode(public(own_key()).spki())]);
    AuthState::new(&keys, rules(), true).unwrap()
}

/// Authenticates a request on a host that cannot check signatures.
fn authenticate(state: &mut AuthState<Session>, name: &str, value: &str) -> AuthProgress<Session> {
    let now = Micros::from_secs(NOW_S.unsigned_abs());
    let headers = HeaderMap::from_fields([(name.as_bytes(), value.as_bytes())]);
    match Authentication::start(state, &headers, 0, now) {
        AuthProgress::Perform(authentication, Action::Verify { .. }) => {
            authentication.verified(state, Verification::Unsupported, now)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_fail_if_signatures_cannot_be_verified() {
    let mut state = state();
    state.rs256 = None;
    let token = Draft::session().sign();
    for (name, value) in
        [("authorization", format!("Bearer {token}")), ("cookie", format!("__session={token}"))]
    {
        let failed = authenticate(&mut state, name, &value);
        let AuthProgress::Failed { error, is_anonymous, .. } = failed else { panic!("{name}: {failed:?}") };
        assert_eq!((error, is_anonymous), (AuthError::SignaturesUnsupported, false), "{name}");
        let reply = Reply::from(error.problem());
        assert_eq!((reply.status, reply.details), (503, "keys_unavailable"));
    }
    for (second, is_due) in [(0, true), (59, false), (60, true)] {
        let now = Micros::from_secs(NOW_S.unsigned_abs().saturating_add(second));
        let alarm = state.refusal_alarm(AuthError::SignaturesUnsupported, None, now);
        assert_eq!(alarm.is_some(), is_due, "{second}");
    }
}

#[test]
fn a_module_with_rs256_verifies_what_the_host_cannot() {
    let mut state = state();
    state.rs256 = Some(rs256::check);
    let mut draft = Draft::session();
    let own = authenticate(&mut state, "authorization", &format!("Bearer {}", draft.sign()));
    assert!(matches!(own, AuthProgress::Verified(_)), "{own:?}");
    draft.key = other_key();
    let forged = authenticate(&mut state, "authorization", &format!("Bearer {}", draft.sign()));
    let AuthProgress::Failed { error, .. } = forged else { panic!("{forged:?}") };
    assert_eq!(error, AuthError::Token(TokenError::SignatureMismatch));
}
