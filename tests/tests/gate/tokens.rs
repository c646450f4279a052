//! Authentication: session tokens in the header and in cookies, and the responses to invalid ones.

use crate::shared::{reached, shipped};
use serde_json::{Value, json};
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::fakes::clerk::tokens::{CATEGORY_MACHINE, CATEGORY_TEMPLATE, Token};
use tollgate_tests::fakes::server::unix_now;

#[tokio::test]
async fn an_invalid_token_gets_a_reason_and_the_upstream_gets_nothing() {
    let gateway = shipped().await;
    let issuer = gateway.clerk.issuer();
    let at = |time| Token::session("user_tokens", time).issuer(issuer);
    let now = unix_now();
    let session = || at(now);
    let good = session().sign();
    let cases: Vec<(&str, Option<String>, &str)> = vec![
        ("no token", None, "missing_token"),
        ("garbage", Some("garbage".into()), "malformed_token"),
        ("only two dots", Some("..".into()), "malformed_token"),
        ("truncated", Some(good[..good.len() - 10].into()), "signature_mismatch"),
        ("an hour old", Some(at(now - 3600).sign()), "token_expired"),
        ("an hour in the future", Some(at(now + 3600).sign()), "token_not_yet_valid"),
        (
            "signed with another key under the key's kid",
            Some(session().sign_with(KeyPair::second())),
            "signature_mismatch",
        ),
        ("not signed", Some(session().unsigned()), "unsupported_token"),
        (
            "the public key as a shared secret",
            Some(session().sign_hs256(KeyPair::first().pem().as_bytes())),
            "unsupported_token",
        ),
        ("of another instance", Some(session().issuer("https://clerk.evil.example").sign()), "wrong_issuer"),
        (
            "of another application",
            Some(session().claim("azp", json!("https://evil.example")).sign()),
            "unauthorized_party",
        ),
        ("without an application", Some(session().without_claim("azp").sign()), "unauthorized_party"),
        (
            "from a custom template",
            Some(session().header("cat", json!(CATEGORY_TEMPLATE)).sign()),
            "unsupported_token",
        ),
        ("of a machine", Some(session().header("cat", json!(CATEGORY_MACHINE)).sign()), "unsupported_token"),
        (
            "of a session that is not complete",
            Some(session().claim("sts", json!("pending")).sign()),
            "session_pending",
        ),
    ];
    for (index, (why, token, code)) in cases.into_iter().enumerate() {
        let query = format!("tokens={index}");
        let mut request = gateway.get(&format!("/me?{query}"));
        if let Some(token) = &token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("a response");
        assert_eq!(response.status(), 401, "{why}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{why}");
        let challenges: Vec<_> = response.headers().get_all("www-authenticate").iter().cloned().collect();
        let challenge = match token {
            None => "Bearer".to_owned(),
            Some(_) => format!(r#"Bearer error="invalid_token", error_description="{code}""#),
        };
        assert_eq!(challenges, [challenge.as_str()], "{why}");
        let problem: Value = response.json().await.expect("a problem document");
        let members = (&problem["status"], &problem["title"], &problem["code"]);
        assert_eq!(members, (&json!(401), &json!("Unauthorized"), &json!(code)), "{why}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{why}");
        assert_eq!(reached(&gateway, &query).await, [], "{why}");
    }
}

#[tokio::test]
async fn a_session_cookie_is_accepted_like_the_header() {
    let gateway = shipped().await;
    let token = gateway.token("user_cookie", "pro");
    let other_key = gateway.session("user_cookie").sign_with(KeyPair::second());
    let cases = [
        ("the plain cookie", format!("__session={token}"), 200),
        ("the suffixed one", format!("theme=dark; __session_AbCd-_12={token}"), 200),
        ("another key's before ours", format!("__session_AAAAAAAA={other_key}; __session={token}"), 200),
        ("a cookie of another name", format!("session={token}"), 401),
        ("an invalid one", format!("__session={other_key}"), 401),
    ];
    for (why, cookie, status) in cases {
        let response = gateway.get("/reports").header("cookie", cookie).send().await.expect("a response");
        assert_eq!(response.status(), status, "{why}");
    }
}

#[tokio::test]
async fn the_header_takes_precedence_over_a_cookie_and_two_are_refused() {
    let gateway = shipped().await;
    let (free, pro) = (gateway.token("user_both", "free"), gateway.token("user_both", "pro"));
    let request = gateway.get("/reports").bearer_auth(&free).header("cookie", format!("__session={pro}"));
    assert_eq!(request.send().await.expect("a response").status(), 403);
    let request = gateway.get("/reports").bearer_auth(&pro).bearer_auth(&free);
    let response = request.send().await.expect("a response");
    assert_eq!(response.status(), 401);
    assert_eq!(response.json::<Value>().await.expect("JSON")["code"], "malformed_token");
}

#[tokio::test]
async fn the_newest_of_several_cookies_is_used() {
    let gateway = shipped().await;
    let now = unix_now();
    let session = |user, ago: i64| gateway.session(user).claim("iat", json!(now - ago)).sign();
    let (old, new) = (session("user_before", 40), session("user_after", 1));
    for cookie in [
        format!("__session_AbCd1234={old}; __session={new}"),
        format!("__session_AbCd1234={new}; __session={old}"),
    ] {
        let response = gateway.get("/me").header("cookie", &cookie).send().await.expect("a response");
        let fields = response.json::<Value>().await.expect("JSON")["request"]["headers"].clone();
        let user = json!(["x-tollgate-user", "user_after"]);
        assert!(fields.as_array().expect("a list").contains(&user), "{fields}");
    }
}

#[tokio::test]
async fn a_token_is_never_logged() {
    let gateway = shipped().await;
    let token = gateway.session("user_logged").plan("no such plan").sign();
    assert_eq!(gateway.get("/me").bearer_auth(&token).send().await.expect("a response").status(), 200);
    // Other tests use other unknown plans.
    let alarm = gateway.envoy.log_line_with(r#""found":"no such plan""#).await;
    assert!(alarm.contains("plan_unknown") && alarm.contains("user_logged"), "{alarm}");
    let signature = token.rsplit('.').next().expect("a signature");
    assert!(!gateway.envoy.log().contains(signature));
}
