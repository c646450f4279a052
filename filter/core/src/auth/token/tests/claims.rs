//! Test cases for the claims of a correctly signed token, and for the rules that check them.

use super::factory::{Draft, NOW_S, own_keys, rules, verify_token};
use super::{code_of, with_bytes, with_member};
use crate::auth::token::TokenRules;
use crate::time::Micros;
use serde_json::{Value, json};

/// The reason, the edit of a session token that would pass, and `ok` or the code of the refusal.
type ClaimCase = (&'static str, fn(&mut Draft), &'static str);

/// The reason, the edit of a session token and of the rules, and `ok` or the code of the refusal.
type RulesCase = (&'static str, fn(&mut Draft, &mut TokenRules), &'static str);

/// The reason, the edit of a session token, and the value that is read from it.
type ClaimReading<T> = (&'static str, fn(&mut Draft), Option<T>);

/// The skew of [`rules`].
const SKEW_S: i64 = 5;

const SUBJECT: &[ClaimCase] = &[
    ("no sub", |t| t.without("sub"), "malformed_token"),
    ("sub empty", |t| t.claim("sub", ""), "malformed_token"),
    ("sub null", |t| t.claim("sub", json!(null)), "malformed_token"),
    ("sub a number", |t| t.claim("sub", 1), "malformed_token"),
    ("sub a list", |t| t.claim("sub", json!(["user_1"])), "malformed_token"),
    ("sub an organization", |t| t.claim("sub", "org_1"), "malformed_token"),
    ("sub a machine", |t| t.claim("sub", "mch_1"), "unsupported_token"),
    ("sub with a line break", |t| t.claim("sub", "user_1\r\nx-tollgate-plan: enterprise"), "malformed_token"),
    ("sub with CR", |t| t.claim("sub", "user_1\r"), "malformed_token"),
    ("sub with LF", |t| t.claim("sub", "user_1\n"), "malformed_token"),
    ("sub with NUL", |t| t.claim("sub", "user_1\0"), "malformed_token"),
    ("sub with a space", |t| t.claim("sub", "user_1 "), "malformed_token"),
    (
        "sub that is not UTF-8",
        |t| t.raw_claims = with_bytes(&t.claims, "user_1", b"user_\xff"),
        "malformed_token",
    ),
    (
        "sub with an unpaired surrogate",
        |t| {
            t.raw_claims = with_bytes(&t.claims, "user_1", br"user_\ud800");
        },
        "malformed_token",
    ),
    ("sub twice", |t| t.raw_claims = with_member(&t.claims, r#""sub":"user_2""#), "malformed_token"),
    ("exp twice", |t| t.raw_claims = with_member(&t.claims, r#""exp":9999999999"#), "malformed_token"),
    (
        "a duplicate name in a nested object",
        |t| {
            t.raw_claims = with_member(&t.claims, r#""metadata":{"plan":"free","plan":"pro"}"#);
        },
        "malformed_token",
    ),
    ("claims that are a list", |t| t.claims = json!([]), "malformed_token"),
    ("claims that are null", |t| t.claims = json!(null), "malformed_token"),
    ("claims that are not JSON", |t| t.raw_claims = Some(b"sub=user_1".to_vec()), "malformed_token"),
    ("empty claims", |t| t.raw_claims = Some(Vec::new()), "malformed_token"),
    ("text after the claims", |t| t.raw_claims = with_bytes(&t.claims, "}", b"}{}"), "malformed_token"),
    (
        "a number that is too large for a float",
        |t| {
            t.raw_claims = with_member(&t.claims, r#""x":1e400"#);
        },
        "ok",
    ),
    (
        "metadata with an unpaired surrogate, nested too deeply to be parsed",
        |t| {
            let deep =
                format!(r#""metadata":{{"note":"\ud83d","x":{}{}}}"#, "[".repeat(500), "]".repeat(500));
            t.raw_claims = with_member(&t.claims, &deep);
        },
        "ok",
    ),
    (
        "exp that is too large for a float",
        |t| t.raw_claims = with_bytes(&t.claims, r#""exp":"#, br#""exp":1e400,"y":"#),
        "malformed_token",
    ),
    ("no sid", |t| t.without("sid"), "ok"),
    ("sid null", |t| t.claim("sid", json!(null)), "ok"),
    ("sid with a line break", |t| t.claim("sid", "sess_1\r\nx: y"), "malformed_token"),
    ("sid of another kind", |t| t.claim("sid", "client_1"), "malformed_token"),
    ("sid a number", |t| t.claim("sid", 1), "malformed_token"),
];

const TIME: &[ClaimCase] = &[
    ("expires one second after now - skew", |t| t.claim("exp", NOW_S - SKEW_S + 1), "ok"),
    ("expires a fraction after now - skew", |t| t.claim("exp", (NOW_S - SKEW_S) as f64 + 0.5), "ok"),
    ("expires at exactly now - skew", |t| t.claim("exp", NOW_S - SKEW_S), "token_expired"),
    ("expired one second earlier", |t| t.claim("exp", NOW_S - SKEW_S - 1), "token_expired"),
    ("exp 0", |t| t.claim("exp", 0), "token_expired"),
    ("exp before the epoch", |t| t.claim("exp", -1), "token_expired"),
    ("no exp", |t| t.without("exp"), "malformed_token"),
    ("exp null", |t| t.claim("exp", json!(null)), "malformed_token"),
    ("exp as text", |t| t.claim("exp", "1800000055"), "malformed_token"),
    ("exp true", |t| t.claim("exp", true), "malformed_token"),
    ("exp a list", |t| t.claim("exp", json!([NOW_S + 55])), "malformed_token"),
    ("exp -1e300", |t| t.claim("exp", -1e300), "malformed_token"),
    ("exp 1e300", |t| t.claim("exp", 1e300), "malformed_token"),
    ("exp at the last representable date", |t| t.claim("exp", 8_640_000_000_000_i64), "ok"),
    ("exp beyond the range of dates", |t| t.claim("exp", 8_640_000_000_001_i64), "malformed_token"),
    ("exp before the range of dates", |t| t.claim("exp", -8_640_000_000_001_i64), "malformed_token"),
    ("exp the largest integer", |t| t.claim("exp", u64::MAX), "malformed_token"),
    ("exp the smallest integer", |t| t.claim("exp", i64::MIN), "malformed_token"),
    ("no nbf", |t| t.without("nbf"), "ok"),
    ("nbf at exactly now + skew", |t| t.claim("nbf", NOW_S + SKEW_S), "ok"),
    ("nbf a fraction later", |t| t.claim("nbf", (NOW_S + SKEW_S) as f64 + 0.5), "token_not_yet_valid"),
    ("nbf one second later", |t| t.claim("nbf", NOW_S + SKEW_S + 1), "token_not_yet_valid"),
    ("nbf null", |t| t.claim("nbf", json!(null)), "malformed_token"),
    ("nbf as text", |t| t.claim("nbf", "0"), "malformed_token"),
    ("nbf -1e300", |t| t.claim("nbf", -1e300), "malformed_token"),
    ("no iat", |t| t.without("iat"), "ok"),
    ("iat at exactly now + skew", |t| t.claim("iat", NOW_S + SKEW_S), "ok"),
    ("iat one second later", |t| t.claim("iat", NOW_S + SKEW_S + 1), "token_not_yet_valid"),
    ("iat null", |t| t.claim("iat", json!(null)), "malformed_token"),
    ("iat 1e300", |t| t.claim("iat", 1e300), "malformed_token"),
    (
        "expired and not yet valid",
        |t| {
            t.claim("exp", 1);
            t.claim("nbf", NOW_S + 100);
        },
        "token_expired",
    ),
];

const STATUS: &[ClaimCase] = &[
    ("no sts", |t| t.without("sts"), "ok"),
    ("sts null", |t| t.claim("sts", json!(null)), "ok"),
    ("sts pending", |t| t.claim("sts", "pending"), "session_pending"),
    ("an unknown sts", |t| t.claim("sts", "revoked"), "session_pending"),
    ("sts of another type", |t| t.claim("sts", true), "session_pending"),
    (
        "pending and expired",
        |t| {
            t.claim("sts", "pending");
            t.claim("exp", 1);
        },
        "token_expired",
    ),
    ("no iss", |t| t.without("iss"), "wrong_issuer"),
    ("iss a list", |t| t.claim("iss", json!(["https://clerk.example.com"])), "wrong_issuer"),
    ("another iss", |t| t.claim("iss", "https://clerk.example.org"), "wrong_issuer"),
    ("iss with a trailing slash", |t| t.claim("iss", "https://clerk.example.com/"), "wrong_issuer"),
    ("iss with a suffix", |t| t.claim("iss", "https://clerk.example.com.evil.example"), "wrong_issuer"),
    ("iss in uppercase", |t| t.claim("iss", "https://CLERK.example.com"), "wrong_issuer"),
    ("no v", |t| t.without("v"), "ok"),
    ("v null", |t| t.claim("v", json!(null)), "ok"),
    ("v 1", |t| t.claim("v", 1), "ok"),
    ("v 3", |t| t.claim("v", 3), "unsupported_token"),
    ("v 2 as text", |t| t.claim("v", "2"), "ok"),
    ("v 1 as text", |t| t.claim("v", "1"), "ok"),
    ("v 3 as text", |t| t.claim("v", "3"), "unsupported_token"),
    ("v empty", |t| t.claim("v", ""), "unsupported_token"),
    ("v true", |t| t.claim("v", true), "unsupported_token"),
    ("v a list", |t| t.claim("v", json!([2])), "unsupported_token"),
    ("an organization without id", |t| t.claim("o", json!({"slg": "acme"})), "malformed_token"),
    (
        "an organization with an id of another kind",
        |t| t.claim("o", json!({"id": "user_1"})),
        "malformed_token",
    ),
    ("an organization with a line break", |t| t.claim("o", json!({"id": "org_1\n"})), "malformed_token"),
    ("an organization that is text", |t| t.claim("o", "org_1"), "malformed_token"),
    (
        "an organization of version 1 with a line break",
        |t| {
            t.without("v");
            t.claim("org_id", "org_1\n");
        },
        "malformed_token",
    ),
    (
        "an organization of version 1 that is an object",
        |t| {
            t.without("v");
            t.claim("org_id", json!({"id": "org_1"}));
        },
        "malformed_token",
    ),
];

const PARTIES: &[RulesCase] = &[
    ("the second authorized party", |t, _| t.claim("azp", "https://admin.example.com"), "ok"),
    ("another azp", |t, _| t.claim("azp", "https://evil.example"), "unauthorized_party"),
    ("azp with a trailing slash", |t, _| t.claim("azp", "https://app.example.com/"), "unauthorized_party"),
    (
        "azp with a suffix",
        |t, _| t.claim("azp", "https://app.example.com.evil.example"),
        "unauthorized_party",
    ),
    ("azp with another scheme", |t, _| t.claim("azp", "http://app.example.com"), "unauthorized_party"),
    ("azp empty", |t, _| t.claim("azp", ""), "unauthorized_party"),
    ("no azp", |t, _| t.without("azp"), "unauthorized_party"),
    ("azp null", |t, _| t.claim("azp", json!(null)), "unauthorized_party"),
    ("azp a list", |t, _| t.claim("azp", json!(["https://app.example.com"])), "unauthorized_party"),
    ("azp an object", |t, _| t.claim("azp", json!({})), "unauthorized_party"),
    (
        "no azp, which is not required",
        |t, r| {
            t.without("azp");
            r.require_azp = false;
        },
        "ok",
    ),
    (
        "azp empty, not required",
        |t, r| {
            t.claim("azp", "");
            r.require_azp = false;
        },
        "ok",
    ),
    (
        "a space as azp, not required",
        |t, r| {
            t.claim("azp", " ");
            r.require_azp = false;
        },
        "unauthorized_party",
    ),
    (
        "a wrong azp, not required",
        |t, r| {
            t.claim("azp", "https://evil.example");
            r.require_azp = false;
        },
        "unauthorized_party",
    ),
    (
        "a list as azp, not required",
        |t, r| {
            t.claim("azp", json!([]));
            r.require_azp = false;
        },
        "unauthorized_party",
    ),
    (
        "any azp if no authorized parties are configured",
        |t, r| {
            t.claim("azp", "https://evil.example");
            r.authorized_parties.clear();
        },
        "ok",
    ),
    ("aud, not required", |t, _| t.claim("aud", "https://api.example.com"), "ok"),
    ("aud of another type, not required", |t, _| t.claim("aud", 1), "ok"),
    ("no aud", |_, r| r.audience = audience(), "wrong_audience"),
    ("aud null", |t, r| require_audience(t, r, json!(null)), "wrong_audience"),
    ("the configured aud", |t, r| require_audience(t, r, json!("https://api.example.com")), "ok"),
    ("another aud", |t, r| require_audience(t, r, json!("https://api.example.org")), "wrong_audience"),
    ("aud empty", |t, r| require_audience(t, r, json!("")), "wrong_audience"),
    (
        "aud a list with the configured one",
        |t, r| require_audience(t, r, json!(["x", "https://api.example.com"])),
        "ok",
    ),
    ("aud a list without it", |t, r| require_audience(t, r, json!(["x"])), "wrong_audience"),
    ("aud an empty list", |t, r| require_audience(t, r, json!([])), "wrong_audience"),
    (
        "aud a mixed list",
        |t, r| require_audience(t, r, json!([1, "https://api.example.com"])),
        "wrong_audience",
    ),
    ("aud a number", |t, r| require_audience(t, r, json!(1)), "wrong_audience"),
    ("aud an object", |t, r| require_audience(t, r, json!({"https://api.example.com": 1})), "wrong_audience"),
    (
        "aud a list in a list",
        |t, r| require_audience(t, r, json!([["https://api.example.com"]])),
        "wrong_audience",
    ),
    (
        "no skew: at exactly exp",
        |t, r| {
            t.claim("exp", NOW_S);
            r.clock_skew = std::time::Duration::ZERO;
        },
        "token_expired",
    ),
    (
        "no skew: one second before",
        |t, r| {
            t.claim("exp", NOW_S + 1);
            r.clock_skew = std::time::Duration::ZERO;
        },
        "ok",
    ),
];

fn audience() -> Vec<String> {
    vec!["https://api.example.com".to_owned()]
}

/// Requires an audience, and sets the claim.
fn require_audience(draft: &mut Draft, rules: &mut TokenRules, aud: Value) {
    draft.claim("aud", aud);
    rules.audience = audience();
}

#[test]
fn the_claims_of_a_signed_token_are_checked() {
    for (why, edit, want) in SUBJECT.iter().chain(TIME).chain(STATUS) {
        let mut draft = Draft::session();
        edit(&mut draft);
        assert_eq!(code_of(&draft, &rules()), *want, "{why}");
    }
}

#[test]
fn the_parties_of_a_signed_token_are_checked_by_the_rules() {
    for (why, edit, want) in PARTIES {
        let (mut draft, mut rules) = (Draft::session(), rules());
        edit(&mut draft, &mut rules);
        assert_eq!(code_of(&draft, &rules), *want, "{why}");
    }
}

#[test]
fn the_organization_is_read_from_the_claim_of_the_tokens_version() {
    let both: fn(&mut Draft) = |t| {
        t.claim("o", json!({"id": "org_2", "slg": "acme", "rol": "admin"}));
        t.claim("org_id", "org_1");
    };
    let cases: [ClaimReading<&str>; 8] = [
        ("no organization is active", |_| {}, None),
        ("version 2", |t| t.claim("v", 2), Some("org_2")),
        ("version 2 as text", |t| t.claim("v", "2"), Some("org_2")),
        ("version 1", |t| t.claim("v", 1), Some("org_1")),
        ("version 1 as text", |t| t.claim("v", "1"), Some("org_1")),
        ("no version, which means 1", |t| t.without("v"), Some("org_1")),
        ("version 2 with only the claim of version 1", |t| t.without("o"), None),
        ("null", |t| t.claim("o", json!(null)), None),
    ];
    for (index, (why, edit, want)) in cases.into_iter().enumerate() {
        let mut draft = Draft::session();
        if index > 0 {
            both(&mut draft);
        }
        edit(&mut draft);
        let session = verify_token(draft.sign().as_bytes(), &own_keys(), &rules()).unwrap();
        assert_eq!(session.organization.as_ref().map(|id| id.as_str()), want, "{why}");
        assert_eq!(session.user.as_str(), "user_1");
        assert_eq!(session.session.as_ref().map(|id| id.as_str()), Some("sess_1"));
    }
}

#[test]
fn the_age_of_claims_counts_from_oiat_not_from_iat() {
    let at = |secs: i64| Some(Micros::from_secs(secs.unsigned_abs()));
    let cases: [ClaimReading<Micros>; 3] = [
        ("re-minted at the edge", |t| t.head("oiat", NOW_S - 90), at(NOW_S - 90)),
        ("minted from the database", |_| {}, at(NOW_S - 5)),
        ("neither claim", |t| t.without("iat"), None),
    ];
    for (why, edit, want) in cases {
        let mut draft = Draft::session();
        edit(&mut draft);
        let session = verify_token(draft.sign().as_bytes(), &own_keys(), &rules()).unwrap();
        assert_eq!(session.claims_read_at, want, "{why}");
    }
}

#[test]
fn debug_output_shows_no_custom_claims_and_no_signature() {
    let mut draft = Draft::session();
    draft.claim("email", "secret@example.com");
    let token = draft.sign();
    let jws = crate::auth::token::Jws::parse(token.as_bytes()).unwrap();
    let session = verify_token(token.as_bytes(), &own_keys(), &rules()).unwrap();
    let printed = format!("{jws:?} {session:?}");
    assert!(
        !printed.contains("secret") && !printed.contains(token.split('.').next_back().unwrap()),
        "{printed}"
    );
}
