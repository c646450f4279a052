//! Tests of which signatures are Stripe's: a table of cases, each with its reason, and properties.
#![allow(clippy::arithmetic_side_effects)]

use super::*;
use proptest::prelude::*;

const SECRET: &[u8] = b"whsec_current";
const OLD_SECRET: &[u8] = b"whsec_previous";
const BODY: &[u8] = br#"{"id": "evt_1", "object": "event"}"#;
const NOW_S: u64 = 1_790_000_000;
const TOLERANCE: Duration = Duration::from_secs(300);

fn mac(secret: &[u8], digits: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(&[digits.as_bytes(), b".", body].concat());
    hex::encode(mac.finalize().into_bytes())
}

fn signed(digits: &str) -> String {
    format!("t={digits},v1={}", mac(SECRET, digits, BODY))
}

fn check(header: &[u8], body: &[u8], secrets: &[&[u8]]) -> Result<u64, SignatureError> {
    let now = Micros::from_secs(NOW_S);
    verify(Some(header), body, secrets.iter().copied(), now, TOLERANCE).map(Micros::as_secs)
}

/// Verifies a header for [`BODY`] with [`SECRET`] and [`OLD_SECRET`]. Returns `ok`, or the code of the error.
fn code(header: &[u8]) -> &'static str {
    check(header, BODY, &[SECRET, OLD_SECRET]).map_or_else(|error| error.code().as_str(), |_| "ok")
}

const OK: &str = "ok";
const MISSING: &str = "missing_signature";
const MALFORMED: &str = "malformed_signature";
const OUTSIDE: &str = "timestamp_outside_tolerance";
const MISMATCH: &str = "signature_mismatch";

#[test]
fn a_signature_made_by_another_implementation_is_accepted() {
    // Made with Python's hmac module, not with this code.
    let header = b"t=1790000000,v1=c011e6a80151a406948676411376a3e86cd1af8a2b47d624ca6efbad4ffbfae4";
    assert_eq!(check(header, b"{\"id\":\"evt_1\"}", &[b"whsec_known_answer"]), Ok(NOW_S));
}

#[test]
fn which_signatures_are_accepted() {
    let t = NOW_S.to_string();
    let (good, old) = (mac(SECRET, &t, BODY), mac(OLD_SECRET, &t, BODY));
    let bad = "0".repeat(64);
    let cases: Vec<(&str, String, &str)> = vec![
        ("as Stripe sends it", format!("t={t},v1={good}"), OK),
        ("with the test signature of the sandbox", format!("t={t},v1={good},v0={bad}"), OK),
        ("the old secret still signs while it is rolled", format!("t={t},v1={old}"), OK),
        ("rolled: the first v1 is ours", format!("t={t},v1={good},v1={bad}"), OK),
        ("rolled: the last v1 is ours", format!("t={t},v1={bad},v1={good}"), OK),
        ("rolled: the middle v1 is ours", format!("t={t},v1={bad},v1={good},v1={bad}"), OK),
        ("both secrets sign", format!("t={t},v1={good},v1={old}"), OK),
        ("the same v1 twice", format!("t={t},v1={good},v1={good}"), OK),
        ("t comes last", format!("v1={good},t={t}"), OK),
        ("a blank after the comma", format!("t={t}, v1={good}"), OK),
        ("blanks and tabs round every item", format!(" \tt={t}\t , \t v1={good}\t "), OK),
        ("a scheme of the future", format!("t={t},v2=whatever,v1={good}"), OK),
        ("a scheme whose name begins like ours", format!("t={t},v11={bad},v1={good}"), OK),
        ("an unknown scheme that looks like a time", format!("t={t},ts=1,T=2,v1={good}"), OK),
        ("an item without a value", format!("t={t},x,v1={good}"), OK),
        ("empty items", format!(",,t={t},,v1={good},"), OK),
        (
            "a v1 in capitals is skipped, the right one counts",
            format!("t={t},v1={},v1={good}", "A".repeat(64)),
            OK,
        ),
        ("a short v1 is skipped, the right one counts", format!("t={t},v1=ab,v1={good}"), OK),
        ("nothing of ours", format!("t={t},v1={bad}"), MISMATCH),
        ("one digit of the v1 differs", format!("t={t},v1={}", flip_last(&good)), MISMATCH),
        ("another secret", format!("t={t},v1={}", mac(b"whsec_other", &t, BODY)), MISMATCH),
        ("the secret without its prefix", format!("t={t},v1={}", mac(b"current", &t, BODY)), MISMATCH),
        ("another body", format!("t={t},v1={}", mac(SECRET, &t, b"{}")), MISMATCH),
        ("another time was signed", format!("t={t},v1={}", mac(SECRET, "1790000001", BODY)), MISMATCH),
        ("the value of t was signed, not its digits", format!("t=0{t},v1={good}"), MISMATCH),
        ("leading zeros that were signed", signed(&format!("000{t}")), OK),
        ("no t between the parts was signed", format!("t={t},v1={}", mac_of(BODY)), MISMATCH),
        ("our v1 under another scheme's name", format!("t={t},v0={good},v1={bad}"), MISMATCH),
        ("only the test scheme", format!("t={t},v0={good}"), MALFORMED),
        ("no v1", format!("t={t}"), MALFORMED),
        ("an empty v1", format!("t={t},v1="), MALFORMED),
        ("v1 without a value", format!("t={t},v1"), MALFORMED),
        ("V1 in capitals is another scheme", format!("t={t},V1={good}"), MALFORMED),
        ("the digits in capitals", format!("t={t},v1={}", good.to_uppercase()), MALFORMED),
        ("63 digits", format!("t={t},v1={}", good.split_at(1).1), MALFORMED),
        ("65 digits", format!("t={t},v1={good}0"), MALFORMED),
        ("66 digits", format!("t={t},v1={good}00"), MALFORMED),
        ("62 digits", format!("t={t},v1={}", good.split_at(2).1), MALFORMED),
        ("a letter past f", format!("t={t},v1={}g", good.split_at(1).1), MALFORMED),
        ("a blank after the equals sign", format!("t={t},v1= {good}"), MALFORMED),
        ("a blank before the equals sign", format!("t={t},v1 ={good}"), MALFORMED),
        ("quoted", format!("t={t},v1=\"{good}\""), MALFORMED),
        ("with 0x", format!("t={t},v1=0x{}", good.split_at(2).1), MALFORMED),
        ("semicolons", format!("t={t};v1={good}"), MALFORMED),
        ("no t", format!("v1={good}"), MALFORMED),
        ("an empty t", format!("t=,v1={good}"), MALFORMED),
        ("T in capitals", format!("T={t},v1={good}"), MALFORMED),
        ("two of t, the same", format!("t={t},t={t},v1={good}"), MALFORMED),
        ("two of t, the right one first", format!("t={t},t=1,v1={good}"), MALFORMED),
        ("two of t, the right one last", format!("t=1,v1={good},t={t}"), MALFORMED),
        ("two of t, one empty", format!("t=,t={t},v1={good}"), MALFORMED),
        ("a plus sign", signed(&format!("+{t}")), MALFORMED),
        ("a minus sign", signed(&format!("-{t}")), MALFORMED),
        ("a blank inside t", signed(&format!(" {t}")), MALFORMED),
        ("letters behind the digits", signed(&format!("{t}abc")), MALFORMED),
        ("a fraction", signed(&format!("{t}.0")), MALFORMED),
        ("an exponent", signed("179e7"), MALFORMED),
        ("hexadecimal", signed("0x6ab13b80"), MALFORMED),
        ("digits of another script", signed("١٧٩٠٠٠٠٠٠٠"), MALFORMED),
        ("an underscore as in code", signed("1_790_000_000"), MALFORMED),
        ("one more than 64 bits hold", signed("18446744073709551616"), MALFORMED),
        ("the most that 64 bits hold is a time, far off", signed("18446744073709551615"), OUTSIDE),
        ("zero", signed("0"), OUTSIDE),
        ("milliseconds", signed(&format!("{t}000")), OUTSIDE),
        ("just text", "garbage".to_owned(), MALFORMED),
        ("only commas", ",,,".to_owned(), MALFORMED),
        ("another provider's", format!("v1,{good}"), MALFORMED),
        ("empty", String::new(), MISSING),
        ("blank", " \t ".to_owned(), MISSING),
    ];
    assert!(cases.len() >= 60);
    for (why, header, want) in cases {
        assert_eq!(code(header.as_bytes()), want, "{why}: {header}");
    }
}

#[test]
fn the_tolerance_holds_in_both_directions_and_its_bounds_belong_to_it() {
    let cases = [
        ("now", 0, OK),
        ("as old as is tolerated", -300, OK),
        ("a second older", -301, OUTSIDE),
        ("as far in the future as is tolerated", 300, OK),
        ("a second further", 301, OUTSIDE),
        ("a day old: a replay", -86_400, OUTSIDE),
        ("a day ahead", 86_400, OUTSIDE),
    ];
    for (why, offset_s, want) in cases {
        let digits = NOW_S.saturating_add_signed(offset_s).to_string();
        assert_eq!(code(signed(&digits).as_bytes()), want, "{why}");
    }
}

#[test]
fn a_part_of_a_second_is_not_counted() {
    let now = Micros::from_micros((NOW_S + 300) * 1_000_000 + 999_999);
    let header = signed(&NOW_S.to_string());
    let result = verify(Some(header.as_bytes()), BODY, [SECRET], now, TOLERANCE);
    assert_eq!(result, Ok(Micros::from_secs(NOW_S)), "Stripe's seconds are whole");
}

#[test]
fn the_time_is_checked_before_the_signature_and_the_form_before_the_time() {
    let bad = "0".repeat(64);
    assert_eq!(code(format!("t=1,v1={bad}").as_bytes()), OUTSIDE);
    assert_eq!(code(b"t=1,v1=zz"), MALFORMED);
}

#[test]
fn a_body_that_is_no_text_is_verified_all_the_same() {
    let digits = NOW_S.to_string();
    for body in [&b"\xff\xfe\x00"[..], b"", b"\0"] {
        let header = format!("t={digits},v1={}", mac(SECRET, &digits, body));
        assert_eq!(check(header.as_bytes(), body, &[SECRET]), Ok(NOW_S));
    }
}

#[test]
fn no_secret_and_an_empty_secret_match_nothing() {
    let digits = NOW_S.to_string();
    let by_anybody = format!("t={digits},v1={}", mac(b"", &digits, BODY));
    let mismatch = |secrets| Err(SignatureError::NoMatch { signatures: 1, secrets });
    assert_eq!(check(by_anybody.as_bytes(), BODY, &[]), mismatch(0));
    assert_eq!(check(by_anybody.as_bytes(), BODY, &[b""]), mismatch(0));
    assert_eq!(check(by_anybody.as_bytes(), BODY, &[b"", SECRET]), mismatch(1));
}

#[test]
fn a_secret_longer_than_a_block_is_a_key_too() {
    let secret = [b'k'; 100];
    let digits = NOW_S.to_string();
    let header = format!("t={digits},v1={}", mac(&secret, &digits, BODY));
    assert_eq!(check(header.as_bytes(), BODY, &[&secret]), Ok(NOW_S));
}

#[test]
fn length_and_items_of_the_header_are_bounded() {
    let header = signed(&NOW_S.to_string());
    let padded = |bytes: usize| format!("{header},{}", "x".repeat(bytes - header.len() - 1));
    assert_eq!(code(padded(HEADER_BYTES_MAX).as_bytes()), OK);
    assert_eq!(code(padded(HEADER_BYTES_MAX + 1).as_bytes()), MALFORMED);
    let items = |count: usize| format!("{header}{}", ",x".repeat(count - 2));
    assert_eq!(code(items(ITEMS_MAX).as_bytes()), OK);
    assert_eq!(code(items(ITEMS_MAX + 1).as_bytes()), MALFORMED);
}

#[test]
fn one_header_field_is_read_and_several_are_refused() {
    let of = |values: &[&'static [u8]]| {
        let fields = values.iter().map(|value| (SIGNATURE_HEADER.as_bytes(), *value));
        HeaderMap::from_fields(fields.chain([(&b"x-other"[..], &b"1"[..])]))
    };
    assert_eq!(signature_field(&of(&[])), Ok(None));
    assert_eq!(signature_field(&of(&[b"t=1"])), Ok(Some(&b"t=1"[..])));
    let several = Err(SignatureError::Malformed(MalformedSignatureError::SeveralFields));
    assert_eq!(signature_field(&of(&[b"t=1", b"t=1"])), several);
    let missing = verify(None, BODY, [SECRET], Micros::from_secs(NOW_S), TOLERANCE);
    assert_eq!(missing, Err(SignatureError::Missing));
}

#[test]
fn operators_read_how_far_and_how_often_and_never_the_secret() {
    let late = check(signed("1789999000").as_bytes(), BODY, &[SECRET]).unwrap_err();
    let outside = OutsideTolerance { skew_s: 1000, in_future: false, tolerance_s: 300 };
    assert_eq!(late, SignatureError::OutsideTolerance(outside));
    assert!(
        late.to_string().starts_with("signed 1000 s before the gateway's time, 300 s are tolerated"),
        "{late}"
    );
    let early = check(signed("1790001000").as_bytes(), BODY, &[SECRET]).unwrap_err();
    assert!(early.to_string().starts_with("signed 1000 s after the gateway's time"), "{early}");

    let bad = "0".repeat(64);
    let forged = format!("t={NOW_S},v1={bad},v1={bad},v1={bad}");
    let error = check(forged.as_bytes(), BODY, &[SECRET, OLD_SECRET]).unwrap_err();
    assert_eq!(error, SignatureError::NoMatch { signatures: 3, secrets: 2 });
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("none of 3 v1 signatures was made with one of 2 signing secrets"), "{shown}");
    assert!(!shown.contains("whsec"), "{shown}");
}

/// Returns a MAC over the body alone, without the timestamp.
fn mac_of(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

fn flip_last(hex: &str) -> String {
    let (rest, last) = hex.split_at(63);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

fn a_body() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 1..200)
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_taken_but_never_panic(
        header in proptest::collection::vec(any::<u8>(), 0..300), body in a_body(), now in any::<u64>(),
    ) {
        let result = verify(Some(&header), &body, [SECRET], Micros::from_micros(now), TOLERANCE);
        prop_assert!(result.is_err(), "random bytes are no signature");
    }

    #[test]
    fn near_headers_never_panic(header in "[ \t]?(t|v1|v0|x)?=?[0-9a-f+ -]{0,70}(,[ ]?(t|v1)=[0-9a-f]{0,66}){0,4}") {
        prop_assert!(check(header.as_bytes(), BODY, &[SECRET]).is_err());
    }

    #[test]
    fn a_changed_bit_of_the_body_fails(body in a_body(), index in any::<prop::sample::Index>(), bit in 0..8u8) {
        let digits = NOW_S.to_string();
        let header = format!("t={digits},v1={}", mac(SECRET, &digits, &body));
        prop_assert_eq!(check(header.as_bytes(), &body, &[SECRET]), Ok(NOW_S));
        let mut changed = body.clone();
        changed[index.index(body.len())] ^= 1 << bit;
        prop_assert!(check(header.as_bytes(), &changed, &[SECRET]).is_err());
        prop_assert!(check(header.as_bytes(), &body[1..], &[SECRET]).is_err());
    }

    #[test]
    fn a_changed_bit_of_time_or_signature_fails(index in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut header = signed(&NOW_S.to_string()).into_bytes();
        let index = index.index(header.len());
        header[index] ^= 1 << bit;
        prop_assert!(check(&header, BODY, &[SECRET]).is_err(), "{}", header.escape_ascii());
    }

    #[test]
    fn items_may_stand_in_any_order(
        order in Just((0..6usize).collect::<Vec<_>>()).prop_shuffle(), blanks in "[ \t]{0,3}",
    ) {
        let digits = NOW_S.to_string();
        let zeros = "0".repeat(64);
        let items = [
            format!("t={digits}"),
            format!("v1={}", mac(SECRET, &digits, BODY)),
            format!("v1={zeros}"),
            format!("v1={}", "f".repeat(64)),
            format!("v0={zeros}"),
            "v2=next".to_owned(),
        ];
        let header: Vec<_> = order.iter().map(|index| format!("{blanks}{}{blanks}", items[*index])).collect();
        prop_assert_eq!(check(header.join(",").as_bytes(), BODY, &[OLD_SECRET, SECRET]), Ok(NOW_S));
    }
}
