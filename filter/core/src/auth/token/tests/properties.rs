//! Properties of tokens: nothing panics, and no changed token passes.

use super::factory::{Draft, NOW_S, own_keys, rules, verify_token};
use crate::auth::token::Jws;
use crate::auth::token::Session;
use crate::machine::Verification;
use crate::time::Micros;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::OnceLock;

fn valid_token() -> &'static [u8] {
    static TOKEN: OnceLock<Vec<u8>> = OnceLock::new();
    TOKEN.get_or_init(|| Draft::session().sign().into_bytes())
}

/// Generates any JSON, including names and values that have a meaning in tokens.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (NOW_S - 20..NOW_S + 20).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop_oneof!["user_1", "org_1", "sess_1", "pending", "active", "RS256", "JWT"].prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any_name(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let known =
        prop_oneof!["exp", "nbf", "iat", "sub", "sid", "azp", "aud", "iss", "sts", "v", "o", "id", "org_id"];
    prop_oneof![known, "(alg|typ|kid|cat|crit|oiat)", "[a-z]{1,3}"]
}

/// Returns a valid token with one edit, or `None` if the edit changes nothing.
fn changed(index: usize, kind: u8, byte: u8) -> Option<Vec<u8>> {
    let mut token = valid_token().to_vec();
    let index = index % token.len();
    match kind {
        0 => token[index] = byte,
        1 => token.insert(index, byte),
        2 => drop(token.remove(index)),
        3 => token.truncate(index),
        4 => token.push(byte),
        _ => token[index] ^= 1 << (byte % 8),
    }
    (token != valid_token()).then_some(token)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn arbitrary_bytes_never_pass(token in proptest::collection::vec(any::<u8>(), 0..256)) {
        prop_assert!(verify_token(&token, &own_keys(), &rules()).is_err());
    }

    #[test]
    fn a_changed_token_never_passes(index in any::<usize>(), kind in 0..6_u8, byte in any::<u8>()) {
        if let Some(token) = changed(index, kind, byte) {
            prop_assert!(verify_token(&token, &own_keys(), &rules()).is_err());
        }
    }

    #[test]
    fn any_header_is_parsed_or_refused_without_a_panic(header in any_json()) {
        let mut draft = Draft::session();
        draft.header = header;
        if let Ok(jws) = Jws::parse(draft.unsigned().as_bytes()) {
            prop_assert_eq!(&draft.header["alg"], "RS256");
            prop_assert_eq!(jws.key_id(), draft.header["kid"].as_str());
        }
    }

    #[test]
    fn any_claims_are_refused_or_have_a_user_id(
        claims in any_json(),
        name in any_name(),
        value in any_json(),
    ) {
        let mut one_edited = Draft::session();
        one_edited.claim(&name, value);
        for edited in [claims, one_edited.claims] {
            let mut draft = Draft::session();
            draft.claims = edited.clone();
            let jws = Jws::parse(draft.unsigned().as_bytes());
            let session = jws.and_then(|jws| Session::from_jws(&jws, Verification::Valid));
            if let Ok(session) = session {
                prop_assert_eq!(&json!(session.user.as_str()), &edited["sub"]);
                let _ = rules().check(&session, Micros::from_secs(NOW_S.unsigned_abs()));
            }
        }
    }

    #[test]
    fn a_token_passes_only_within_its_times(exp in -40..40_i64, nbf in -40..40_i64, iat in -40..40_i64) {
        let mut draft = Draft::session();
        for (name, secs) in [("exp", exp), ("nbf", nbf), ("iat", iat)] {
            draft.claim(name, NOW_S + secs);
        }
        let jws = Jws::parse(draft.unsigned().as_bytes()).unwrap();
        let session = Session::from_jws(&jws, Verification::Valid).unwrap();
        let passes = rules().check(&session, Micros::from_secs(NOW_S.unsigned_abs())).is_ok();
        prop_assert_eq!(passes, exp > -5 && nbf <= 5 && iat <= 5);
    }

    #[test]
    fn without_a_valid_signature_there_is_no_session(unsupported in any::<bool>()) {
        let jws = Jws::parse(valid_token()).unwrap();
        let signature = if unsupported { Verification::Unsupported } else { Verification::Invalid };
        let error = Session::from_jws(&jws, signature).unwrap_err();
        prop_assert_eq!(error.code().as_str(), "signature_mismatch");
    }
}
