//! What a caller, or Clerk, says of who calls.

use crate::beside_what_cannot_be_held;
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

/// A token's bytes, as if its signature were right: who passes has an id that can stand in a header field, and time
/// that is left.
pub fn token(bytes: &[u8]) -> bool {
    let Ok(jws) = Jws::parse(bytes) else { return false };
    assert_eq!(jws.clone().into_token(), bytes, "what is cached is what was sent");
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
    assert!(rules.check(&session, end).is_err(), "its time ends");
    true
}

/// Header lines (`name: value`, one a line): what is taken for a token is bounded, and stands in a field that may
/// carry one.
pub fn carrier(bytes: &[u8]) -> bool {
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
            let carries = |(name, value): &(&[u8], &[u8])| {
                matches!(*name, b"authorization" | b"cookie")
                    && value.windows(token.len().max(1)).any(|w| w == token)
            };
            assert!(token.is_empty() || fields.iter().any(carries));
        }
    }
    found
}

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}

/// The body of Clerk's answer about a subject: what is read of it differs in nothing from itself, and the patch to a
/// record that was empty before is an object of metadata.
pub fn clerk_record(bytes: &[u8]) -> bool {
    let subject = Subject::parse("user_1").expect("an id");
    let headers = HeaderMap::default();
    let mut read = false;
    for status in [200, 404, 422, 429] {
        let outcome = Outcome::Answered { status, headers: &headers, body: bytes };
        if let Ok(record) = api::record(&outcome, &subject, "plan") {
            assert_eq!(status, 200);
            read = true;
            assert_eq!(record.patch(&record, "plan"), None, "nothing to write");
            if let Some(beside) = beside_what_cannot_be_held(bytes) {
                let outcome = Outcome::Answered { status, headers: &headers, body: &beside };
                assert_eq!(api::record(&outcome, &subject, "plan").as_ref(), Ok(&record));
            }
            if let Some(patch) = Record::default().patch(&record, "plan") {
                let keys = patch.as_object().expect("an object").keys();
                keys.for_each(|key| assert!(key == "public_metadata" || key == "private_metadata"));
            }
        }
    }
    read
}
