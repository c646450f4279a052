//! Tests of authentication: the location of the token, its errors, and the token cache.

use super::host::{bearer, signed};
use super::{gate, gate_with, get, token};
use serde_json::json;
use tollgate_fixtures::{NOW_S, other_key};

#[test]
fn an_invalid_token_is_401_with_the_reason() {
    let cases = [
        ("none", None, "missing_token"),
        ("another scheme", Some("Basic dTpw".to_owned()), "missing_token"),
        ("nonsense", Some("Bearer x.y".to_owned()), "malformed_token"),
        ("expired", Some(bearer(|d| d.claim("exp", NOW_S - 6))), "token_expired"),
        ("not yet", Some(bearer(|d| d.claim("nbf", NOW_S + 60))), "token_not_yet_valid"),
        ("another key", Some(bearer(|d| d.key = other_key())), "signature_mismatch"),
        ("another issuer", Some(bearer(|d| d.claim("iss", "https://x.example.com"))), "wrong_issuer"),
        ("another origin", Some(bearer(|d| d.claim("azp", "https://x.example.com"))), "unauthorized_party"),
        ("a custom template", Some(bearer(|d| d.head("cat", "cl_B7d4PD222AAA"))), "unsupported_token"),
        ("a machine's", Some("Bearer mt_abc".to_owned()), "unsupported_token"),
        ("pending", Some(bearer(|d| d.claim("sts", "pending"))), "session_pending"),
    ];
    for (why, authorization, want) in cases {
        let mut host = gate();
        let fields: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        let result = host.send(&get("/ask", &fields));
        assert_eq!((result.status(), result.code()), (401, want), "{why}");
        let challenge = result.field("www-authenticate").unwrap();
        assert_eq!(challenge.contains("invalid_token"), want != "missing_token", "{why}: {challenge}");
        assert_eq!(host.count(&format!("token_refused.{want}")), 1, "{why}");
        assert_eq!(host.count("rule.ask.unauthenticated"), 1, "{why}");
    }
}

#[test]
fn a_refusal_that_a_wrong_setting_causes_is_logged_with_both_values() {
    let app = "https://app.example.com";
    let cases = [
        (
            bearer(|d| d.claim("iss", "https://x.example.com")),
            "wrong_issuer",
            json!("https://x.example.com"),
            "https://clerk.example.com",
        ),
        (bearer(|d| d.without("iss")), "wrong_issuer", json!(null), "https://clerk.example.com"),
        (
            bearer(|d| d.claim("azp", "https://x.example.com")),
            "unauthorized_party",
            json!("https://x.example.com"),
            app,
        ),
        (bearer(|d| d.without("azp")), "unauthorized_party", json!(null), app),
        (
            bearer(|d| d.key = other_key()),
            "signature_mismatch",
            json!("ins_own"),
            "a key without an id, as in a PEM",
        ),
    ];
    for (token, code, received, expected) in cases {
        let mut host = gate();
        let request = get("/ask", &[("authorization", &token)]);
        assert_eq!(host.send(&request).code(), code);
        let logged = host.alarms("token_refused");
        let [alarm] = &logged[..] else { panic!("{code}: {logged:?}") };
        assert_eq!((&alarm["code"], &alarm["received"]), (&json!(code), &received));
        assert_eq!(alarm["expected"], expected, "{code}");
        let cure = alarm["cure"].as_str().unwrap();
        assert!(cure.contains("plan_gate.") && alarm["detail"].as_str().unwrap().ends_with(cure), "{alarm}");
        host.send(&request);
        assert_eq!(host.alarms("token_refused").len(), 1, "{code}: once a minute");
    }
    let mut host = gate();
    for token in [bearer(|d| d.claim("exp", NOW_S - 6)), "Bearer x.y".to_owned()] {
        assert_eq!(host.send(&get("/ask", &[("authorization", &token)])).status(), 401);
    }
    assert!(host.alarms("token_refused").is_empty(), "not a wrong setting");
}

#[test]
fn a_logged_value_of_a_token_is_bounded_and_printable() {
    let issuer = format!("https://x\n{{\"alarm\":\"forged\"}}\u{202e}{}", "a".repeat(1_000));
    let mut host = gate();
    let token = bearer(|draft| draft.claim("iss", issuer));
    assert_eq!(host.send(&get("/ask", &[("authorization", &token)])).code(), "wrong_issuer");
    let received = host.alarms("token_refused")[0]["received"].as_str().unwrap().to_owned();
    assert_eq!(received.len(), 128);
    assert!(received.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{received}");
}

#[test]
fn a_refused_cookie_beside_a_valid_one_is_not_logged() {
    let mut host = gate();
    let other = signed(|draft| draft.claim("iss", "https://x.example.com"));
    let cookies = format!("__session={}; __session_abcdefgh={other}", signed(|_| {}));
    assert_eq!(host.send(&get("/ask", &[("cookie", &cookies)])).code(), "forwarded");
    assert!(host.alarms("token_refused").is_empty());
    let only_other =
        format!("__session={other}; __session_abcdefgh={}", signed(|draft| draft.claim("exp", 1)));
    host.send(&get("/ask", &[("cookie", &only_other)]));
    assert!(host.alarms("token_refused").is_empty(), "the other token passed more checks");
    let only_others = format!("__session={other}; __session_abcdefgh={other}");
    assert_eq!(host.send(&get("/ask", &[("cookie", &only_others)])).code(), "wrong_issuer");
    assert_eq!(host.alarms("token_refused").len(), 1);
}

#[test]
fn an_audience_is_required_if_it_is_configured() {
    let mut host = gate_with(|gate| gate["audience"] = json!(["https://api.example.com"]));
    for (audience, want) in
        [("https://api.example.com", "forwarded"), ("https://x.example.com", "wrong_audience")]
    {
        let token = bearer(|draft| draft.claim("aud", audience));
        assert_eq!(host.send(&get("/account", &[("authorization", &token)])).code(), want, "{audience}");
    }
}

#[test]
fn a_token_without_azp_passes_if_configured() {
    let token = bearer(|draft| draft.without("azp"));
    for (required, want) in [(true, "unauthorized_party"), (false, "forwarded")] {
        let mut host = gate_with(|gate| gate["require_azp"] = json!(required));
        assert_eq!(host.send(&get("/account", &[("authorization", &token)])).code(), want);
    }
}

#[test]
fn an_anonymous_rule_ignores_bad_cookies_but_refuses_bad_bearers() {
    let expired = signed(|draft| draft.claim("exp", NOW_S - 6));
    let good = signed(|draft| draft.claim("public_metadata", json!({"plan": "pro"})));
    let cases = [
        ("no token", vec![], "forwarded", Some("free")),
        ("a bad cookie", vec![("cookie", format!("__session={expired}"))], "forwarded", Some("free")),
        ("nonsense", vec![("cookie", "__session=x".to_owned())], "forwarded", Some("free")),
        ("a good cookie", vec![("cookie", format!("__session={good}"))], "forwarded", Some("pro")),
        ("a good token", vec![("authorization", format!("Bearer {good}"))], "forwarded", Some("pro")),
        ("a bad token", vec![("authorization", format!("Bearer {expired}"))], "token_expired", None),
        ("no token in it", vec![("authorization", "Bearer".to_owned())], "malformed_token", None),
        (
            "a bad token and a good cookie",
            vec![("authorization", format!("Bearer {expired}")), ("cookie", format!("__session={good}"))],
            "token_expired",
            None,
        ),
    ];
    for (why, fields, want, plan) in cases {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let result = gate().send(&get("/search", &fields));
        assert_eq!(result.code(), want, "{why}");
        if plan.is_some() {
            assert_eq!(result.upstream("x-tollgate-plan"), plan, "{why}");
        }
    }
}

#[test]
fn an_anonymous_caller_without_an_address_cannot_be_counted() {
    let mut host = gate();
    host.properties.remove("source.address");
    let result = host.send(&get("/search", &[]));
    assert_eq!((result.status(), result.code()), (503, "address_unknown"));
    assert_eq!(host.count("rule.search.undecided"), 1, "the gateway is at fault");
}

#[test]
fn an_anonymous_caller_is_not_counted_by_the_proxys_address() {
    let mut host = gate();
    let search = get("/search", &[("x-forwarded-for", "203.0.113.7:4711,10.0.0.1")]);
    let result = host.send(&search);
    assert_eq!((result.status(), result.code()), (503, "address_unknown"));
    host.send(&search);
    assert_eq!(host.alarms("address_unknown").len(), 1, "the alarm is logged once a minute");
    let counts = ["rule.search.bad_request", "rule.search.undecided"].map(|name| host.count(name));
    assert_eq!(counts, [2, 0], "a client with this field triggers no alert");
    assert!(host.alarms("address_unknown")[0]["cure"].as_str().unwrap().contains("without ports"));
    let free = token("free");
    let signed_in = get("/search", &[("authorization", &free), search[3]]);
    assert_eq!(host.send(&signed_in).code(), "forwarded", "a signed-in caller needs no address");
    let guarded = get("/ask", &[search[3]]);
    assert_eq!(host.send(&guarded).code(), "missing_token");
    let bare = get("/search", &[("x-forwarded-for", "203.0.113.7,10.0.0.1")]);
    assert_eq!(host.send(&bare).code(), "forwarded", "Envoy reads addresses without ports");
    host.come_from("203.0.113.7:0");
    assert_eq!(host.send(&search).code(), "forwarded", "Envoy has read an entry of the header");
}

#[test]
fn an_anonymous_caller_has_the_plan_that_the_rule_gives() {
    let mut host = gate();
    let result = host.send(&get("/preview", &[]));
    assert_eq!((result.code(), result.upstream("x-tollgate-plan")), ("forwarded", Some("pro")));
    let free = host.send(&get("/preview", &[("authorization", &token("free"))]));
    assert_eq!(free.code(), "plan_required", "a signed-in caller has its own plan");
}

#[test]
fn the_valid_one_of_several_cookies_is_used() {
    let other = signed(|draft| {
        draft.key = other_key();
        draft.claim("sub", "user_9");
    });
    let expired = signed(|draft| draft.claim("exp", NOW_S - 6));
    let own = signed(|_| {});
    let cases = [
        ("the plain one", format!("__session={own}"), "forwarded"),
        ("a suffixed one", format!("a=b; __session_abcd1234={own}; c=d"), "forwarded"),
        (
            "with one of another instance",
            format!("__session_zzzzzzzz={other}; __session_abcd1234={own}"),
            "forwarded",
        ),
        (
            "the plain cookie and suffixed ones",
            format!("__session={own}; __session_zzzzzzzz={other}"),
            "forwarded",
        ),
        ("only one of another instance", format!("__session={other}"), "signature_mismatch"),
        (
            "the own one has expired",
            format!("__session={other}; __session_abcd1234={expired}"),
            "token_expired",
        ),
        ("another name", format!("__sessions={own}"), "missing_token"),
    ];
    for (why, cookie, want) in cases {
        let mut host = gate();
        for again in ["at first", "from the cache"] {
            let result = host.send(&get("/account", &[("cookie", &cookie)]));
            assert_eq!(result.code(), want, "{why}, {again}");
            if want == "forwarded" {
                assert_eq!(result.upstream("x-tollgate-user"), Some("user_1"), "{why}, {again}");
            }
        }
    }
    let mut off = gate_with(|gate| gate["cookie"] = json!(false));
    assert_eq!(
        off.send(&get("/account", &[("cookie", &format!("__session={own}"))])).code(),
        "missing_token"
    );
}

#[test]
fn a_signature_is_verified_once_and_the_rest_on_every_use() {
    let mut host = gate();
    let token = bearer(|draft| draft.claim("exp", NOW_S + 60));
    let request = get("/account", &[("authorization", &token)]);
    assert_eq!(host.served(3, &request), 3);
    assert_eq!(
        (host.verifications, host.count("token_cache.hits"), host.count("token_cache.misses")),
        (1, 2, 1)
    );
    host.sleep_s(64);
    assert_eq!(host.send(&request).code(), "forwarded", "within the clock skew");
    host.sleep_s(1);
    assert_eq!(host.send(&request).code(), "token_expired");
    assert_eq!(host.send(&request).code(), "token_expired", "again");
}

#[test]
fn an_invalid_token_is_not_cached() {
    let mut host = gate();
    let forged = bearer(|draft| draft.key = other_key());
    for _ in 0..2 {
        assert_eq!(host.send(&get("/account", &[("authorization", &forged)])).code(), "signature_mismatch");
    }
    assert_eq!(host.verifications, 2);
}
