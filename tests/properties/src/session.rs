//! Properties of session tokens, of where a request carries them, and of Clerk's records.

use crate::with_unrepresentable_member;
use std::time::Duration;
use tollgate_core::auth::token::cookies::SESSION_COOKIES_MAX;
use tollgate_core::auth::token::location::{self, TokenLocation};
use tollgate_core::auth::token::{Jws, Session, TOKEN_BYTES_MAX, TokenRules};
use tollgate_core::clerk::api;
use tollgate_core::clerk::metadata::Record;
use tollgate_core::http::{HeaderMap, Outcome};
use tollgate_core::ids::Subject;
use tollgate_core::machine::Verification;
use tollgate_core::time::Micros;

/// Checks a token, assuming that its signature is valid: an accepted one names a user id that is safe in a
/// header field, and has not expired.
pub fn token(bytes: &[u8]) -> bool {
    let Ok(jws) = Jws::parse(bytes) else { return false };
    assert_eq!(jws.clone().into_token(), bytes, "the cache key is the token as sent");
    for verification in [Verification::Invalid, Verification::Unsupported] {
        assert!(Session::from_jws(&jws, verification).is_err(), "not signed");
    }
    let Ok(session) = Session::from_jws(&jws, Verification::Valid) else { return false };
    let rules = TokenRules {
        issuer: "https://clerk.example.com".to_owned(),
        authorized_parties: vec!["https://app.example.com".to_owned()],
        require_azp: true,
        audience: Vec::new(),
        clock_skew: Duration::from_secs(5),
    };
    let now = Micros::from_secs(1_800_000_000);
    if rules.check(&session, now).is_err() {
        return false;
    }
    let user = session.user.as_str();
    assert!(user.bytes().all(|byte| byte.is_ascii_graphic()) && !user.is_empty(), "{user:?}");
    let end = session.expires_at.plus(rules.clock_skew);
    assert!(end > now);
    assert!(rules.check(&session, end).is_err(), "an expired token is rejected");
    true
}

/// Checks header fields (`name: value`, one per line): the size and number of the tokens found are bounded,
/// and each is part of an `authorization` or `cookie` field.
pub fn token_location(bytes: &[u8]) -> bool {
    let fields: Vec<(&[u8], &[u8])> = bytes.split(|byte| *byte == b'\n').filter_map(field).collect();
    let headers = HeaderMap::from_fields(fields.iter().copied());
    let mut found = false;
    for cookies in [true, false] {
        let tokens = match location::find(&headers, cookies) {
            Ok(TokenLocation::Bearer(token)) => vec![token],
            Ok(TokenLocation::Cookies(tokens)) => {
                assert!(cookies && !tokens.is_empty() && tokens.len() <= SESSION_COOKIES_MAX);
                tokens
            }
            Ok(TokenLocation::Nothing | TokenLocation::TooManyCookies) | Err(_) => Vec::new(),
        };
        for token in tokens {
            found = true;
            assert!(token.len() <= TOKEN_BYTES_MAX);
            let contains_token = |(name, value): &(&[u8], &[u8])| {
                matches!(*name, b"authorization" | b"cookie")
                    && value.windows(token.len().max(1)).any(|w| w == token)
            };
            assert!(token.is_empty() || fields.iter().any(contains_token));
        }
    }
    found
}

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}

/// Checks the body of Clerk's response about a subject: a record needs no patch to become itself, and the
/// patch from an empty record is an object of metadata.
pub fn clerk_record(bytes: &[u8]) -> bool {
    let subject = Subject::parse("user_1").expect("an id");
    let headers = HeaderMap::default();
    let mut accepted = false;
    for status in [200, 404, 422, 429] {
        let outcome = Outcome::Response { status, headers: &headers, body: bytes };
        if let Ok(record) = api::record(&outcome, &subject, "plan") {
            assert_eq!(status, 200);
            accepted = true;
            assert_eq!(record.patch(&record, "plan"), None, "nothing to write");
            if let Some(extended) = with_unrepresentable_member(bytes) {
                let outcome = Outcome::Response { status, headers: &headers, body: &extended };
                assert_eq!(api::record(&outcome, &subject, "plan").as_ref(), Ok(&record));
            }
            if let Some(patch) = Record::default().patch(&record, "plan") {
                let keys = patch.as_object().expect("an object").keys();
                keys.for_each(|key| assert!(key == "public_metadata" || key == "private_metadata"));
            }
        }
    }
    accepted
}
