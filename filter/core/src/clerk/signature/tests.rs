//! Tests of which signatures are Clerk's: a table of cases, each with its reason, and properties.
#![allow(clippy::arithmetic_side_effects)]

use super::*;
use proptest::prelude::*;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OLD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const BODY: &[u8] = br#"{"object": "event", "type": "user.created"}"#;
const NOW_S: u64 = 1_790_000_000;
const TOLERANCE: Duration = Duration::from_secs(300);

const OK: &str = "ok";
const MISSING: &str = "missing_signature";
const MALFORMED: &str = "malformed_signature";
const OUTSIDE: &str = "timestamp_outside_tolerance";
const MISMATCH: &str = "signature_mismatch";

fn key(secret: &str) -> SigningKey {
    SigningKey::parse(secret).unwrap()
}

/// Signs these bytes.
fn mac(secret: &str, signed: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key(secret).expose()).unwrap();
    mac.update(signed);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Signs an id, a timestamp, and a body.
pub(crate) fn signed(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    format!("v1,{}", mac(secret, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()))
}

fn good() -> String {
    signed(SECRET, ID, &NOW_S.to_string(), BODY)
}

fn check_fields(fields: &[(&str, &str)], body: &[u8]) -> Result<u64, SvixSignatureError> {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let keys = [key(SECRET), key(OLD_SECRET)];
    let verified = verify(&HeaderMap::from_fields(fields), body, &keys, Micros::from_secs(NOW_S), TOLERANCE);
    verified.map(|(_, signed_at)| signed_at.as_secs())
}

/// Returns the code with which a request of these three fields ends; `ok` if it is accepted.
fn code(id: &str, timestamp: &str, signatures: &str) -> &'static str {
    let fields = [("svix-id", id), ("svix-timestamp", timestamp), ("svix-signature", signatures)];
    check_fields(&fields, BODY).map_or_else(|error| error.code().as_str(), |_| OK)
}

#[test]
fn the_signatures_of_the_official_libraries_are_accepted() {
    // From libraries/rust/src/lib.rs of standard-webhooks, and from the documentation of Svix.
    let vectors = [
        (
            SECRET,
            ID,
            1_649_367_553,
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
        (
            OLD_SECRET,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ];
    for (secret, id, at_s, body, signature) in vectors {
        let timestamp = at_s.to_string();
        let fields = [("svix-id", id), ("svix-timestamp", &timestamp), ("svix-signature", signature)];
        let headers = HeaderMap::from_fields(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let now = Micros::from_secs(at_s);
        let check = |body: &str, secret| verify(&headers, body.as_bytes(), &[key(secret)], now, TOLERANCE);
        assert_eq!(check(body, secret), Ok((EventId::parse(id).unwrap(), now)), "{id}");
        let mismatch = Err(SvixSignatureError::NoMatch { signatures: 1, keys: 1 });
        assert_eq!(check(body, OTHER_SECRET), mismatch, "{id}");
        assert_eq!(check("{}", secret), mismatch, "{id}");
    }
}

#[test]
fn which_lists_of_signatures_are_accepted() {
    let t = NOW_S.to_string();
    let good = good();
    let old = signed(OLD_SECRET, ID, &t, BODY);
    let bad = format!("v1,{}", STANDARD.encode([0; 32]));
    let base64 = good.trim_start_matches("v1,");
    let cases: Vec<(&str, String, &str)> = vec![
        ("as Svix sends it", good.clone(), OK),
        ("the old secret still signs during a rotation", old.clone(), OK),
        ("both secrets sign", format!("{good} {old}"), OK),
        ("the first is ours", format!("{good} {bad}"), OK),
        ("the last is ours", format!("{bad} {good}"), OK),
        ("the middle one is ours", format!("{bad} {good} {bad}"), OK),
        ("the same one twice", format!("{good} {good}"), OK),
        ("two blanks between", format!("{bad}  {good}"), OK),
        ("blanks and tabs around", format!(" \t{good} \t"), OK),
        ("an asymmetric one before", format!("v1a,{base64} {good}"), OK),
        ("an asymmetric one behind", format!("{good} v1a,{base64}"), OK),
        ("a scheme of the future", format!("v2,whatever {good}"), OK),
        ("an item without a comma is skipped", format!("garbage {good}"), OK),
        ("an item that is no base64 is skipped", format!("v1,?? {good}"), OK),
        ("a short one is skipped", format!("v1,AAAA {good}"), OK),
        ("an empty one is skipped", format!("v1, {good}"), OK),
        ("nothing of ours", bad.clone(), MISMATCH),
        ("another secret", signed(OTHER_SECRET, ID, &t, BODY), MISMATCH),
        ("another body", signed(SECRET, ID, &t, b"{}"), MISMATCH),
        ("another id", signed(SECRET, "msg_2", &t, BODY), MISMATCH),
        ("another time", signed(SECRET, ID, "1790000001", BODY), MISMATCH),
        ("the body alone", format!("v1,{}", mac(SECRET, BODY)), MISMATCH),
        ("without the id", format!("v1,{}", mac(SECRET, &[t.as_bytes(), b".", BODY].concat())), MISMATCH),
        (
            "as Stripe signs, without the id, in hexadecimal",
            format!("t={t},v1={}", "0".repeat(64)),
            MALFORMED,
        ),
        ("one bit of it differs", format!("v1,{}", flipped(base64)), MISMATCH),
        ("only an asymmetric one", format!("v1a,{base64}"), MALFORMED),
        ("only a scheme of the future", format!("v2,{base64}"), MALFORMED),
        ("a scheme in capitals", format!("V1,{base64}"), MALFORMED),
        ("no scheme", base64.to_owned(), MALFORMED),
        ("an equals sign for the comma", format!("v1={base64}"), MALFORMED),
        ("a blank after the comma", format!("v1, {base64}"), MALFORMED),
        ("separated by commas", format!("{bad},{good}"), MALFORMED),
        ("separated by tabs", format!("{bad}\t{good}"), MALFORMED),
        ("without padding", good.trim_end_matches('=').to_owned(), MALFORMED),
        ("with too much padding", format!("{good}="), MALFORMED),
        ("the URL-safe alphabet", good.replace(['+', '/'], "-"), url_safe_verdict(&good)),
        ("31 bytes", format!("v1,{}", STANDARD.encode([0; 31])), MALFORMED),
        ("33 bytes", format!("v1,{}", STANDARD.encode([0; 33])), MALFORMED),
        ("in hexadecimal", format!("v1,{}", "a".repeat(64)), MALFORMED),
        ("quoted", format!("\"{good}\""), MALFORMED),
        ("letters outside ASCII", "v1,ä".to_owned(), MALFORMED),
        ("the most that are read", vec![good.clone(); SIGNATURES_MAX].join(" "), OK),
        ("one more", vec![good.clone(); SIGNATURES_MAX + 1].join(" "), MALFORMED),
        ("too long", format!("{good} {}", "x".repeat(SIGNATURES_BYTES_MAX)), MALFORMED),
        ("empty", String::new(), MISSING),
        ("blank", " \t ".to_owned(), MISSING),
    ];
    for (why, signatures, want) in &cases {
        assert_eq!(code(ID, &t, signatures), *want, "{why}: {signatures}");
    }
    assert!(cases.len() >= 45);
}

/// Returns the expected result of a signature in the URL-safe alphabet. Without `+` and `/`, it is the same
/// in both alphabets.
fn url_safe_verdict(good: &str) -> &'static str {
    if good.contains(['+', '/']) { MALFORMED } else { OK }
}

/// Returns the base64 of the same bytes with one bit changed.
fn flipped(base64: &str) -> String {
    let mut bytes = STANDARD.decode(base64).unwrap();
    bytes[0] ^= 1;
    STANDARD.encode(bytes)
}

#[test]
fn which_timestamps_are_accepted() {
    let cases = [
        ("now", "1790000000".to_owned(), OK),
        ("as old as is tolerated", "1789999700".to_owned(), OK),
        ("a second older", "1789999699".to_owned(), OUTSIDE),
        ("as far in the future as is tolerated", "1790000300".to_owned(), OK),
        ("a second further", "1790000301".to_owned(), OUTSIDE),
        ("a day old: a replay", "1789913600".to_owned(), OUTSIDE),
        ("milliseconds", "1790000000000".to_owned(), OUTSIDE),
        ("zero", "0".to_owned(), OUTSIDE),
        ("the most that 64 bits hold", u64::MAX.to_string(), OUTSIDE),
        ("one more than 64 bits hold", "18446744073709551616".to_owned(), MALFORMED),
        ("letters behind the digits", "1790000000abc".to_owned(), MALFORMED),
        ("a fraction", "1790000000.0".to_owned(), MALFORMED),
        ("an exponent", "179e7".to_owned(), MALFORMED),
        ("a plus sign", "+1790000000".to_owned(), MALFORMED),
        ("a minus sign", "-1790000000".to_owned(), MALFORMED),
        ("a leading zero", "01790000000".to_owned(), MALFORMED),
        ("only zeros", "00".to_owned(), MALFORMED),
        ("an underscore as in code", "1_790_000_000".to_owned(), MALFORMED),
        ("hexadecimal", "0x6ab13b80".to_owned(), MALFORMED),
        ("digits of another script", "١٧٩٠٠٠٠٠٠٠".to_owned(), MALFORMED),
        ("a date", "2026-09-21T00:00:00Z".to_owned(), MALFORMED),
        ("blanks around", " 1790000000 ".to_owned(), MISMATCH),
        ("empty", String::new(), MISSING),
    ];
    for (why, timestamp, want) in cases {
        // The digits as sent are signed, so that nothing but the timestamp can be wrong.
        assert_eq!(code(ID, &timestamp, &signed(SECRET, ID, &timestamp, BODY)), want, "{why}: {timestamp}");
    }
}

#[test]
fn which_ids_are_accepted() {
    let longest = "a".repeat(255);
    let cases = [
        ("as Svix generates them", ID, OK),
        ("the longest", longest.as_str(), OK),
        ("one too long", &format!("{longest}a"), MALFORMED),
        ("hyphens", "msg-1-2", OK),
        ("a dot, which could cut the signed bytes differently", "msg_1.2", MALFORMED),
        ("a blank inside", "msg 1", MALFORMED),
        ("a line break", "msg_1\r\nx: y", MALFORMED),
        ("a quotation mark", "msg_\"1", MALFORMED),
        ("a letter outside ASCII", "msg_ä", MALFORMED),
        ("a comma, as of two joined fields", "msg_1,msg_2", MALFORMED),
        ("empty", "", MISSING),
    ];
    let t = NOW_S.to_string();
    for (why, id, want) in cases {
        assert_eq!(code(id, &t, &signed(SECRET, id, &t, BODY)), want, "{why}: {id}");
    }
}

#[test]
fn which_fields_carry_the_signature() {
    let t = NOW_S.to_string();
    let (good, bad) = (good(), format!("v1,{}", STANDARD.encode([0; 32])));
    let svix = |signatures| [("svix-id", ID), ("svix-timestamp", t.as_str()), ("svix-signature", signatures)];
    let standard = |signatures| {
        [("webhook-id", ID), ("webhook-timestamp", t.as_str()), ("webhook-signature", signatures)]
    };
    let cases = [
        ("the fields of Svix", svix(&good).to_vec(), OK),
        ("the fields of Standard Webhooks", standard(&good).to_vec(), OK),
        ("both, Svix's is right", [svix(&good), standard(&bad)].concat(), OK),
        ("both, Svix's is wrong", [svix(&bad), standard(&good)].concat(), MISMATCH),
        ("both, Svix's is malformed", [svix("x"), standard(&good)].concat(), MALFORMED),
        ("the order does not matter", [standard(&bad), svix(&good)].concat(), OK),
        ("an incomplete set of Svix", [&svix(&good)[..2], &standard(&good)].concat(), OK),
        ("an empty field of Svix", [&svix("")[..], &standard(&good)].concat(), OK),
        ("parts of both", [&svix(&good)[..2], &standard(&good)[2..]].concat(), MISSING),
        ("no id", svix(&good)[1..].to_vec(), MISSING),
        ("no timestamp", vec![svix(&good)[0], svix(&good)[2]], MISSING),
        ("no signature", svix(&good)[..2].to_vec(), MISSING),
        ("nothing", Vec::new(), MISSING),
        ("Stripe's field", vec![("stripe-signature", "t=1,v1=00")], MISSING),
        ("two ids", [&svix(&good)[..], &svix(&good)[..1]].concat(), MALFORMED),
        ("two timestamps", [&svix(&good)[..], &svix(&good)[1..2]].concat(), MALFORMED),
        ("two lists of signatures", [&svix(&good)[..], &svix(&good)[2..]].concat(), MALFORMED),
        (
            "two of Standard Webhooks beside Svix's",
            [&svix(&good)[..], &standard(&good)[..1], &standard(&good)].concat(),
            MALFORMED,
        ),
    ];
    for (why, fields, want) in cases {
        let found = check_fields(&fields, BODY).map_or_else(|error| error.code().as_str(), |_| OK);
        assert_eq!(found, want, "{why}");
    }
}

#[test]
fn an_error_tells_the_operator_the_cause() {
    let t = NOW_S.to_string();
    let fields = [("svix-id", ID), ("svix-timestamp", t.as_str()), ("svix-signature", "v1,AAAA")];
    let words = |fields: &[(&str, &str)]| check_fields(fields, BODY).unwrap_err().to_string();
    assert!(words(&fields).contains("no v1 signature of 32 bytes"));
    assert!(words(&[]).contains("not sent by Clerk"));
    let old = [fields[0], ("svix-timestamp", "1789990000"), fields[2]];
    let bad = format!("v1,{}", STANDARD.encode([0; 32]));
    assert!(words(&[fields[0], fields[1], ("svix-signature", &bad)]).contains("none of 1 v1 signatures"));
    assert!(words(&[old[0], old[1], ("svix-signature", &bad)]).starts_with("signed 10000 s before"));
}

proptest! {
    #[test]
    fn any_body_is_verified_with_its_own_signature_only(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        other in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let t = NOW_S.to_string();
        let signature = signed(SECRET, ID, &t, &body);
        let fields = [("svix-id", ID), ("svix-timestamp", t.as_str()), ("svix-signature", signature.as_str())];
        prop_assert_eq!(check_fields(&fields, &body), Ok(NOW_S));
        prop_assert_eq!(check_fields(&fields, &other).is_ok(), body == other);
    }

    #[test]
    fn any_list_of_signatures_is_read_without_harm(list in "[v1a, =+/A-Za-z0-9]{0,120}") {
        let found = code(ID, &NOW_S.to_string(), &list);
        prop_assert!([MISSING, MALFORMED, MISMATCH].contains(&found), "{}", found);
    }
}
