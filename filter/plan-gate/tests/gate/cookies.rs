//! Tests of several session cookies: the newest valid one is the caller's, at a bounded cost.

use super::host::signed;
use super::{Host, gate, gate_with, get};
use proptest::prelude::*;
use serde_json::json;
use tollgate_core::auth::token::cookies::SESSION_COOKIES_MAX;
use tollgate_fixtures::{Draft, NOW_S, other_key};

/// The maximum number of cookies of a request that are read.
const COOKIES_MAX: usize = 1024;
use std::sync::OnceLock;

/// An edit of a token.
type TokenEdit = fn(&mut Draft);

/// Returns a token of that user that was issued `seconds_ago`.
fn issued(user: &str, seconds_ago: i64, edit: impl FnOnce(&mut Draft)) -> String {
    signed(|draft| {
        draft.claim("sub", user);
        draft.claim("iat", NOW_S - seconds_ago);
        edit(draft);
    })
}

/// Returns the user of a forwarded request with these cookies, or the code of the refusal.
fn caller(host: &mut Host, cookie: &str) -> String {
    let result = host.send(&get("/account", &[("cookie", cookie)]));
    if result.code() == "forwarded" {
        result.upstream("x-tollgate-user").unwrap().to_owned()
    } else {
        result.code().to_owned()
    }
}

#[test]
fn the_newest_cookie_is_the_callers_for_any_name_and_order() {
    let (old, new) = (issued("user_old", 40, |_| {}), issued("user_new", 1, |_| {}));
    let undated = signed(|draft| {
        draft.claim("sub", "user_undated");
        draft.without("iat");
    });
    let cases = [
        ("suffixed and older", format!("__session_AbCd1234={old}; __session={new}")),
        ("the same, in the other order", format!("__session={new}; __session_AbCd1234={old}")),
        ("suffixed and newer", format!("__session={old}; __session_AbCd1234={new}")),
        ("both suffixed", format!("__session_AAAAAAAA={old}; __session_BBBBBBBB={new}")),
        ("one name twice", format!("__session={old}; __session={new}")),
        ("three", format!("__session_AAAAAAAA={undated}; __session_BBBBBBBB={old}; __session={new}")),
        ("without `iat` it is the oldest", format!("__session_AAAAAAAA={undated}; __session={new}")),
    ];
    for (why, cookie) in cases {
        let mut host = gate();
        assert_eq!(caller(&mut host, &cookie), "user_new", "{why}");
        assert_eq!(host.verifications, 1, "{why}: the older ones are not checked");
        assert_eq!(caller(&mut host, &cookie), "user_new", "{why}, from the cache");
        assert_eq!(host.verifications, 1, "{why}");
        assert_eq!(caller(&mut host, &format!("__session={old}")), "user_old");
        assert_eq!(caller(&mut host, &cookie), "user_new", "{why}, when both are in the cache");
        assert_eq!(host.verifications, 2, "{why}");
    }
}

#[test]
fn a_suffixed_cookie_is_preferred_to_one_that_is_as_old() {
    let (one, other) = (issued("user_1", 5, |_| {}), issued("user_2", 5, |_| {}));
    for cookie in [
        format!("__session={one}; __session_AAAAAAAA={other}; __session_BBBBBBBB={one}"),
        format!("__session_AAAAAAAA={other}; __session={one}"),
    ] {
        assert_eq!(caller(&mut gate(), &cookie), "user_2");
    }
}

#[test]
fn a_newer_invalid_cookie_does_not_hide_an_older_valid_one() {
    let old = issued("user_old", 40, |_| {});
    let cases: [(&str, TokenEdit, &str); 9] = [
        ("expired", |d| d.claim("exp", NOW_S - 6), "token_expired"),
        ("of the future", |d| d.claim("iat", NOW_S + 6), "token_not_yet_valid"),
        ("badly signed", |d| d.key = other_key(), "signature_mismatch"),
        ("of another instance", |d| d.claim("iss", "https://x.example.com"), "wrong_issuer"),
        ("of another origin", |d| d.claim("azp", "https://x.example.com"), "unauthorized_party"),
        ("pending", |d| d.claim("sts", "pending"), "session_pending"),
        ("from a template", |d| d.head("cat", "cl_B7d4PD222AAA"), "unsupported_token"),
        ("without a user", |d| d.without("sub"), "malformed_token"),
        ("with an `iat` beyond all dates", |d| d.claim("iat", 1e300), "malformed_token"),
    ];
    for (why, edit, code) in cases {
        let new = issued("user_new", 1, edit);
        for cookie in [
            format!("__session_AAAAAAAA={new}; __session={old}"),
            format!("__session={new}; __session_AAAAAAAA={old}"),
            format!("__session=x.y.z; __session={new}; __session_AAAAAAAA={old}"),
        ] {
            let mut host = gate();
            for again in ["at first", "from the cache"] {
                assert_eq!(caller(&mut host, &cookie), "user_old", "{why}, {again}");
            }
        }
        assert_eq!(caller(&mut gate(), &format!("__session={new}; __session=x")), code, "{why}: alone");
    }
}

#[test]
fn after_a_cookie_expires_the_next_one_counts() {
    let new = issued("user_new", 1, |draft| draft.claim("exp", NOW_S + 60));
    let cookie = format!("__session={new}; __session_AAAAAAAA={}", issued("user_old", 40, |_| {}));
    let mut host = gate();
    assert_eq!(caller(&mut host, &cookie), "user_new");
    host.sleep_s(64);
    assert_eq!(caller(&mut host, &cookie), "user_new", "within the clock skew");
    host.sleep_s(1);
    assert_eq!(caller(&mut host, &cookie), "user_old");
    assert_eq!(caller(&mut host, &cookie), "user_old", "again");
}

#[test]
fn cookies_of_other_instances_need_no_verification_and_no_fetch() {
    let own = issued("user_own", 40, |_| {});
    let other = |number: i64| {
        issued("user_other", number, |draft| {
            draft.claim("iss", "https://other.example.com");
            draft.head("kid", "ins_other");
            draft.key = other_key();
        })
    };
    let mut cookie: Vec<String> = (0..20).map(|n| format!("__session_other{n:03}={}", other(n))).collect();
    cookie.push(format!("__session={own}"));
    let mut host = gate();
    assert_eq!(caller(&mut host, &cookie.join("; ")), "user_own", "after twenty others");
    assert_eq!(host.verifications, 1);
    let mut host = gate_with(|gate| gate["keys"] = json!({"jwks": {"cluster": "clerk_frontend"}}));
    let request = get("/account", &[("cookie", &cookie[0])]);
    let held = host.start(&request);
    host.answer_inquiries(200, &json!({"keys": [other_key().jwk()]}).to_string());
    assert_eq!(host.finish(held).code(), "unknown_key", "a single cookie is looked up");
    host.sleep_s(60);
    let two = cookie[..2].join("; ");
    assert_eq!(caller(&mut host, &two), "wrong_issuer", "several are distinguished by their claims");
    assert!(host.inquiries().is_empty());
}

#[test]
fn the_verifications_of_a_request_are_bounded() {
    let forged = |number: i64| issued("user_1", number, |draft| draft.key = other_key());
    let cookie: Vec<String> = (0..20).map(|n| format!("__session_forged{n:02}={}", forged(n))).collect();
    let mut host = gate();
    assert_eq!(caller(&mut host, &cookie.join("; ")), "signature_mismatch");
    assert_eq!(host.verifications, 8);
    let own = format!("{}; __session={}", cookie[..7].join("; "), issued("user_own", 40, |_| {}));
    assert_eq!(caller(&mut host, &own), "user_own");
    host.verifications = 0;
    let known = format!("{}; __session={}", cookie.join("; "), issued("user_own", 40, |_| {}));
    assert_eq!(caller(&mut host, &known), "user_own", "a cached token needs no verification");
    assert_eq!(host.verifications, 8);
}

#[test]
fn beyond_the_maximum_no_cookie_counts() {
    let own = format!("__session={}", issued("user_own", 1, |_| {}));
    let many = vec!["a=b"; COOKIES_MAX].join("; ");
    let different: Vec<String> = (0..SESSION_COOKIES_MAX).map(|n| format!("__session={n}")).collect();
    let mut host = gate();
    for cookie in
        [format!("{own}; {many}"), format!("{many}; {own}"), format!("{own}; {}", different.join("; "))]
    {
        assert_eq!(caller(&mut host, &cookie), "malformed_token");
        let anonymous = host.send(&get("/search", &[("cookie", &cookie)]));
        assert_eq!((anonymous.code(), anonymous.upstream("x-tollgate-user")), ("forwarded", None));
        let bearer = format!("Bearer {}", issued("user_own", 1, |_| {}));
        let signed_in = host.send(&get("/account", &[("cookie", &cookie), ("authorization", &bearer)]));
        assert_eq!(signed_in.code(), "forwarded", "a token in the Authorization field needs no cookie");
    }
    assert_eq!(host.verifications, 1);
}

/// Tokens for [`the_caller_is_the_newest_valid_one`]: the seconds since each was issued, its user, and
/// whether it is valid.
fn pool() -> &'static [(i64, String, bool, String)] {
    static POOL: OnceLock<Vec<(i64, String, bool, String)>> = OnceLock::new();
    POOL.get_or_init(|| {
        let edits: [(TokenEdit, bool); 4] = [
            (|_| {}, true),
            (|draft| draft.key = other_key(), false),
            (|draft| draft.claim("exp", NOW_S - 6), false),
            (|draft| draft.claim("iss", "https://x.example.com"), false),
        ];
        let ages = (0..12).map(|index| (index, i64::try_from(index / 4 * 7).unwrap()));
        ages.map(|(index, age)| {
            let (edit, is_valid) = edits[index % 4];
            let user = format!("user_{index}");
            let token = issued(&user, age, edit);
            (age, user, is_valid, token)
        })
        .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_caller_is_the_newest_valid_one(
        picks in proptest::collection::vec((0_usize..12, any::<bool>()), 2..7),
        warm in proptest::collection::vec(0_usize..12, 0..3),
    ) {
        let mut host = gate();
        for index in warm {
            caller(&mut host, &format!("__session={}", pool()[index].3));
        }
        let cookie = |(number, (index, suffixed)): (usize, &(usize, bool))| {
            let name = if *suffixed { format!("__session_cookie{number:02}") } else { "__session".to_owned() };
            format!("{name}={}", pool()[*index].3)
        };
        let cookies: Vec<String> = picks.iter().enumerate().map(cookie).collect();
        let valid = picks.iter().map(|(index, _)| &pool()[*index]).filter(|(_, _, is_valid, _)| *is_valid);
        let newest = valid.min_by_key(|(age, ..)| *age).map(|(_, user, ..)| user.clone());
        let found = caller(&mut host, &cookies.join("; "));
        match newest {
            Some(user) => prop_assert_eq!(found, user),
            None => prop_assert!(!found.starts_with("user_"), "{}", found),
        }
    }
}
