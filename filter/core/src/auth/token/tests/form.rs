//! Tests of a token's outer form: its parts, their encoding, its header, and its signature.

use super::factory::{Draft, other_key, own_key, public, rules, verify_token};
use super::{code_of, with_bytes, with_member};
use crate::auth::keys::KeySet;
use crate::auth::keys::pem;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

/// A case: its description, the edit of a session token that would pass, and `ok` or the code of the refusal.
type FormCase = (&'static str, fn(&mut Draft), &'static str);

const PARTS: &[FormCase] = &[
    ("a session token as Clerk issues it", |_| {}, "ok"),
    ("empty", |t| t.afterwards = |_| String::new(), "malformed_token"),
    ("a word", |t| t.afterwards = |_| "undefined".to_owned(), "malformed_token"),
    ("one part", |t| t.afterwards = |x| x.split('.').take(1).collect(), "malformed_token"),
    ("two parts", |t| t.afterwards = |x| x.rsplit_once('.').unwrap().0.to_owned(), "malformed_token"),
    ("four parts", |t| t.afterwards = |x| x + ".e30", "malformed_token"),
    ("five parts, as an encrypted token has", |t| t.afterwards = |x| x + ".e30.e30", "malformed_token"),
    ("a dot at the end", |t| t.afterwards = |x| x + ".", "malformed_token"),
    ("a dot at the front", |t| t.afterwards = |x| format!(".{x}"), "malformed_token"),
    ("three empty parts", |t| t.afterwards = |_| "..".to_owned(), "malformed_token"),
    ("a space at the end", |t| t.afterwards = |x| x + " ", "malformed_token"),
    ("a newline at the end", |t| t.afterwards = |x| x + "\n", "malformed_token"),
    ("a space inside", |t| t.afterwards = |x| x.replacen('.', " .", 1), "malformed_token"),
    ("quotes around it", |t| t.afterwards = |x| format!("\"{x}\""), "malformed_token"),
    ("percent-encoded dots", |t| t.afterwards = |x| x.replace('.', "%2E"), "malformed_token"),
    ("twice, with a comma", |t| t.afterwards = |x| format!("{x},{x}"), "malformed_token"),
    ("padding at the end", |t| t.afterwards = |x| x + "=", "malformed_token"),
    ("the correct padding at the end", |t| t.afterwards = |x| x + "==", "malformed_token"),
    ("much padding at the end", |t| t.afterwards = |x| x + "======", "malformed_token"),
    ("padding of the claims", |t| t.afterwards = |x| last_dot_to(&x, "=."), "malformed_token"),
    ("padding of the header", |t| t.afterwards = |x| x.replacen('.', "==.", 1), "malformed_token"),
    ("the standard alphabet: +", |t| t.afterwards = |x| last_dot_to(&x, ".+"), "malformed_token"),
    ("the standard alphabet: /", |t| t.afterwards = |x| last_dot_to(&x, "./"), "malformed_token"),
    ("stray bits at the end of the signature", |t| t.afterwards = with_stray_bits, "malformed_token"),
    ("a length that no base64 text has", |t| t.afterwards = |x| x + "AAA", "malformed_token"),
    ("letters outside of ASCII", |t| t.afterwards = |x| x + "é", "malformed_token"),
    ("longer than any token", |t| t.claim("x", "x".repeat(8 * 1024)), "malformed_token"),
    ("an API key", |t| t.afterwards = |_| "ak_2abcDEF".to_owned(), "unsupported_token"),
    ("a machine-to-machine token", |t| t.afterwards = |_| "mt_2abcDEF".to_owned(), "unsupported_token"),
    ("an OAuth access token", |t| t.afterwards = |_| "oat_2abcDEF".to_owned(), "unsupported_token"),
];

const HEADER: &[FormCase] = &[
    ("no typ", |t| t.head_without("typ"), "ok"),
    ("typ in lower case", |t| t.head("typ", "jwt"), "unsupported_token"),
    ("typ of an OAuth access token", |t| t.head("typ", "at+jwt"), "unsupported_token"),
    ("typ with its media type", |t| t.head("typ", "application/JWT"), "unsupported_token"),
    ("typ null", |t| t.head("typ", json!(null)), "unsupported_token"),
    ("no alg", |t| t.head_without("alg"), "malformed_token"),
    ("alg null", |t| t.head("alg", json!(null)), "malformed_token"),
    ("alg that is a list", |t| t.head("alg", json!(["RS256"])), "malformed_token"),
    ("alg none", |t| t.head("alg", "none"), "unsupported_token"),
    ("alg None", |t| t.head("alg", "None"), "unsupported_token"),
    (
        "alg none and no signature",
        |t| {
            t.head("alg", "none");
            t.afterwards = |x| without_signature(&x);
        },
        "unsupported_token",
    ),
    ("alg in lower case", |t| t.head("alg", "rs256"), "unsupported_token"),
    ("alg RS384", |t| t.head("alg", "RS384"), "unsupported_token"),
    ("alg RS512", |t| t.head("alg", "RS512"), "unsupported_token"),
    ("alg PS256", |t| t.head("alg", "PS256"), "unsupported_token"),
    ("alg ES256", |t| t.head("alg", "ES256"), "unsupported_token"),
    (
        "alg HS256 with the public key as the secret",
        |t| {
            t.head("alg", "HS256");
            t.afterwards = |x| hmac_with_public_key(&x);
        },
        "unsupported_token",
    ),
    (
        "HMAC with the public key as the secret under alg RS256",
        |t| {
            t.afterwards = |x| hmac_with_public_key(&x);
        },
        "signature_mismatch",
    ),
    ("alg twice", |t| t.raw_header = with_member(&t.header, r#""alg":"none""#), "malformed_token"),
    (
        "alg twice, both right",
        |t| t.raw_header = with_member(&t.header, r#""alg":"RS256""#),
        "malformed_token",
    ),
    (
        "alg twice, once escaped",
        |t| {
            t.raw_header = with_member(&t.header, r#""\u0061lg":"none""#);
        },
        "malformed_token",
    ),
    ("kid twice", |t| t.raw_header = with_member(&t.header, r#""kid":"x""#), "malformed_token"),
    (
        "a duplicate name in a nested object",
        |t| t.raw_header = with_member(&t.header, r#""x":{"a":1,"a":1}"#),
        "malformed_token",
    ),
    ("crit", |t| t.head("crit", json!(["exp"])), "unsupported_token"),
    ("crit, empty", |t| t.head("crit", json!([])), "unsupported_token"),
    ("crit, null", |t| t.head("crit", json!(null)), "unsupported_token"),
    (
        "crit with b64 false",
        |t| {
            t.head("crit", json!(["b64"]));
            t.head("b64", false);
        },
        "unsupported_token",
    ),
    (
        "another key in the header",
        |t| {
            t.key = other_key();
            t.head("jwk", other_key().jwk());
        },
        "unsupported_token",
    ),
    (
        "an address for keys in the header",
        |t| t.head("jku", "https://evil.example/jwks"),
        "unsupported_token",
    ),
    ("an address for certificates", |t| t.head("x5u", "https://evil.example/pem"), "unsupported_token"),
    ("a certificate in the header", |t| t.head("x5c", json!(["MIIB"])), "unsupported_token"),
    ("no cat, as in old tokens", |t| t.head_without("cat"), "ok"),
    ("cat of a custom template", |t| t.head("cat", "cl_B7d4PD222AAA"), "unsupported_token"),
    ("cat of a machine", |t| t.head("cat", "cl_B7d4PD333AAA"), "unsupported_token"),
    ("an unknown cat", |t| t.head("cat", "cl_B7d4PD444AAA"), "unsupported_token"),
    ("cat null", |t| t.head("cat", json!(null)), "malformed_token"),
    ("oiat", |t| t.head("oiat", 1_799_999_900), "ok"),
    ("oiat that is not a time", |t| t.head("oiat", "yesterday"), "malformed_token"),
    ("oiat beyond the range of dates", |t| t.head("oiat", -1e300), "malformed_token"),
    ("an unknown member", |t| t.head("x", json!({"y": []})), "ok"),
    ("a header that is a list", |t| t.header = json!([]), "malformed_token"),
    ("a header that is text", |t| t.header = json!("RS256"), "malformed_token"),
    ("a header that is not JSON", |t| t.raw_header = Some(b"{alg:RS256}".to_vec()), "malformed_token"),
    ("an empty header", |t| t.raw_header = Some(Vec::new()), "malformed_token"),
    (
        "a header with a byte order mark before the JSON",
        |t| {
            t.raw_header = with_bytes(&t.header, "{", b"\xef\xbb\xbf{");
        },
        "malformed_token",
    ),
    (
        "a header that is not UTF-8",
        |t| t.raw_header = with_bytes(&t.header, "JWT", b"\xff"),
        "malformed_token",
    ),
    (
        "a header that is nested deeper than the parser reads",
        |t| {
            t.raw_header = with_member(&t.header, &format!("\"x\":{}{}", "[".repeat(200), "]".repeat(200)));
        },
        "ok",
    ),
];

const SIGNATURE: &[FormCase] = &[
    ("no kid: every key is tried", |t| t.head_without("kid"), "ok"),
    (
        "no kid, the signature of another key",
        |t| {
            t.head_without("kid");
            t.key = other_key();
        },
        "signature_mismatch",
    ),
    (
        "the kid and signature of another key",
        |t| {
            t.head("kid", other_key().id);
            t.key = other_key();
        },
        "unknown_key",
    ),
    ("the signature of another key under its own kid", |t| t.key = other_key(), "signature_mismatch"),
    ("an unknown kid", |t| t.head("kid", "ins_none"), "unknown_key"),
    ("an empty kid", |t| t.head("kid", ""), "unknown_key"),
    ("kid null", |t| t.head("kid", json!(null)), "malformed_token"),
    ("kid that is a number", |t| t.head("kid", 1), "malformed_token"),
    ("a kid that is a path", |t| t.head("kid", "../../dev/null"), "unknown_key"),
    ("no signature", |t| t.afterwards = |x| without_signature(&x), "signature_mismatch"),
    ("half a signature", |t| t.afterwards = |x| x.split_at(x.len() - 174).0.to_owned(), "signature_mismatch"),
    ("a longer signature", |t| t.afterwards = |x| last_dot_to(&x, ".AAAA"), "signature_mismatch"),
    (
        "other claims under the signature",
        |t| {
            t.afterwards = |x| with_claims(&x, r#"{"sub":"user_2"}"#);
        },
        "signature_mismatch",
    ),
    (
        "claims that are not JSON under another signature: they are not read",
        |t| {
            t.afterwards = |x| with_claims(&x, "no JSON");
        },
        "signature_mismatch",
    ),
];

#[test]
fn a_token_of_another_form_is_refused() {
    for (why, edit, want) in PARTS.iter().chain(HEADER).chain(SIGNATURE) {
        let mut draft = Draft::session();
        edit(&mut draft);
        assert_eq!(code_of(&draft, &rules()), *want, "{why}");
    }
}

#[test]
fn a_key_from_a_pem_is_tried_for_any_kid() {
    let pem = own_key().public_pem();
    let keys = KeySet::new(pem::parse(&pem).unwrap());
    let mut draft = Draft::session();
    draft.head("kid", "ins_unknown");
    assert!(verify_token(draft.sign().as_bytes(), &keys, &rules()).is_ok());
    draft.key = other_key();
    let error = verify_token(draft.sign().as_bytes(), &keys, &rules()).unwrap_err();
    assert_eq!(error.code().as_str(), "signature_mismatch");
}

#[test]
fn during_key_rotation_the_second_key_is_tried_too() {
    let keys = KeySet::new([public(other_key()), public(own_key())]);
    assert!(verify_token(Draft::session().sign().as_bytes(), &keys, &rules()).is_ok());
}

fn last_dot_to(token: &str, replacement: &str) -> String {
    let (text, signature) = token.rsplit_once('.').unwrap();
    format!("{text}{replacement}{signature}")
}

fn without_signature(token: &str) -> String {
    format!("{}.", token.rsplit_once('.').unwrap().0)
}

/// Changes unused bits of the last character. Of the last character of 256 bytes, only two bits count, so
/// another character decodes to the same bytes.
fn with_stray_bits(mut token: String) -> String {
    let last = token.pop().unwrap();
    assert!(matches!(last, 'A' | 'Q' | 'g' | 'w'), "the last character of 256 bytes: {last}");
    token.push(char::from_u32(u32::from(last) + 1).unwrap());
    token
}

fn with_claims(token: &str, claims: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    [parts[0], &URL_SAFE_NO_PAD.encode(claims), parts[2]].join(".")
}

fn hmac_with_public_key(token: &str) -> String {
    let (text, _) = token.rsplit_once('.').unwrap();
    let pem = own_key().public_pem();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(pem.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
