//! Tests of rules: which requests pass, and the responses of refusals.

use super::fixture::{document, gate_of};
use super::host::{Host, bearer, request};
use super::{gate, gate_with, get, post, token};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_fixtures::NOW_S;

#[test]
fn each_plan_gets_what_it_allows() {
    let cases = [
        ("/account", ["forwarded", "forwarded", "forwarded"]),
        ("/ask", ["forwarded", "forwarded", "forwarded"]),
        ("/bulk", ["plan_required", "forwarded", "forwarded"]),
        ("/reports", ["plan_required", "forwarded", "forwarded"]),
        ("/reports/daily?x=1", ["plan_required", "forwarded", "forwarded"]),
        ("/support", ["feature_required", "forwarded", "forwarded"]),
        ("/login", ["feature_required", "feature_required", "forwarded"]),
        ("/other", ["forwarded", "forwarded", "forwarded"]),
        ("//reports", ["ambiguous_path"; 3]),
        ("/%72eports", ["ambiguous_path"; 3]),
        ("/x/../reports", ["ambiguous_path"; 3]),
        ("/x%2F..%2Freports", ["ambiguous_path"; 3]),
        ("/reports;x", ["ambiguous_path"; 3]),
        ("/Reports", ["ambiguous_path"; 3]),
    ];
    for (path, want) in cases {
        for (plan, want) in ["free", "pro", "enterprise"].into_iter().zip(want) {
            let result = gate().send(&get(path, &[("authorization", &token(plan))]));
            assert_eq!(result.code(), want, "{plan} at {path}");
        }
    }
}

#[test]
fn a_refusal_has_the_lowest_sufficient_plan() {
    let cases = [
        ("/reports", "free", 403, json!({"plan": "free", "required_plan": "pro"})),
        ("/bulk", "free", 403, json!({"plan": "free", "required_plan": "pro"})),
        ("/login", "pro", 403, json!({"plan": "pro", "required_plan": "enterprise", "feature": "sso"})),
    ];
    for (path, plan, status, members) in cases {
        let result = gate().send(&get(path, &[("authorization", &token(plan))]));
        let body = result.json();
        assert_eq!((result.status(), &body["status"]), (status, &json!(status)), "{path}");
        assert_eq!(body["upgrade_url"], "https://app.example.com/pricing", "{path}");
        for (name, value) in members.as_object().unwrap() {
            assert_eq!(&body[name], value, "{path}: {name}");
        }
        assert_eq!(result.field("content-type"), Some("application/problem+json"));
    }
    let mut payment = gate_with(|gate| gate["plan_required_status"] = json!(402));
    assert_eq!(payment.send(&get("/reports", &[("authorization", &token("free"))])).status(), 402);
}

#[test]
fn unmatched_requests_are_handled_as_configured() {
    let pro = token("pro");
    let cases = [
        ("pass", None, "forwarded"),
        ("pass", Some("Bearer nonsense"), "forwarded"),
        ("require_token", None, "missing_token"),
        ("require_token", Some("Bearer nonsense"), "malformed_token"),
        ("require_token", Some(&pro), "forwarded"),
        ("deny", None, "no_rule"),
        ("deny", Some(&pro), "no_rule"),
    ];
    for (unmatched, authorization, want) in cases {
        let mut host = gate_with(|gate| gate["unmatched"] = json!(unmatched));
        let fields: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
        let result = host.send(&get("/other", &fields));
        assert_eq!(result.code(), want, "{unmatched} with {authorization:?}");
        if (unmatched, want) == ("require_token", "forwarded") {
            assert_eq!(result.upstream("x-tollgate-user"), Some("user_1"));
        }
    }
}

#[test]
fn a_rule_that_the_route_names_precedes_the_path() {
    let mut host = gate();
    host.name_rule("named");
    let free = token("free");
    assert_eq!(host.send(&get("/account", &[("authorization", &free)])).code(), "plan_required");
    host.name_rule("unknown");
    for _ in 0..2 {
        let result = host.send(&get("/account", &[("authorization", &free)]));
        assert_eq!((result.status(), result.code()), (500, "unknown_rule"));
    }
    let alarms = host.alarms("unknown_rule");
    assert_eq!(alarms.len(), 1, "once a minute");
    assert!(alarms[0]["detail"].as_str().unwrap().contains("the rule \"unknown\""), "{alarms:?}");
}

#[test]
fn routes_name_rules_only_if_the_document_says_so() {
    let free = token("free");
    for (rules_by_route, want) in [(false, "forwarded"), (true, "plan_required")] {
        let mut host = gate_with(|gate| {
            gate["rules_by_route"] = json!(rules_by_route);
            gate["rules"] = json!([
                {"name": "account", "path": "/account"},
                {"name": "named", "path": "/elsewhere", "require": {"plan": "pro"}},
            ]);
        });
        host.name_rule("named");
        assert_eq!(host.send(&get("/account", &[("authorization", &free)])).code(), want, "{rules_by_route}");
    }
}

#[test]
fn only_a_true_preflight_passes_without_a_token() {
    let question = [("origin", "https://x"), ("access-control-request-method", "POST")];
    assert_eq!(gate().send(&request("OPTIONS", "/ask", &question)).code(), "forwarded");
    assert_eq!(gate().send(&request("OPTIONS", "/ask", &question[..1])).code(), "missing_token");
    assert_eq!(gate().send(&post("/ask", &question)).code(), "missing_token");
    assert_eq!(gate().send(&request("OPTIONS", "//ask", &question)).code(), "ambiguous_path");
}

/// Returns a document with the webhook's section in this mode.
fn with_webhook(mode: &str) -> serde_json::Value {
    let mut document = super::fixture::document();
    document["stripe_webhook"] = json!({
        "path": "/webhooks/stripe", "mode": mode, "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
        "past_due": "keep", "unmapped_price": "keep",
        "stripe": {"cluster": "stripe_api"}, "clerk": {"cluster": "clerk_api"},
    });
    document
}

/// Requests for these paths reach the gate only if the filter is missing, or listed after it. Forwarded, they would
/// reach the upstream without a signature or a token.
#[test]
fn a_path_that_another_filter_should_have_served_is_refused() {
    let mut document = with_webhook("respond");
    document["billing"] = json!({"path": "/billing"});
    for unmatched in ["pass", "deny"] {
        document["plan_gate"]["unmatched"] = json!(unmatched);
        let mut host = super::fixture::gate_of(&document);
        let pro = token("pro");
        for path in ["/webhooks/stripe", "/webhooks/stripe?x", "/billing", "/billing/plans"] {
            for request in [post(path, &[]), get(path, &[("authorization", &pro)])] {
                let result = host.send(&request);
                assert_eq!((result.status(), result.code()), (404, "not_found"), "{path}");
            }
        }
        let alarms = host.alarms("filter_missing");
        let details = alarms.iter().map(|alarm| alarm["detail"].as_str().unwrap());
        let filters: Vec<_> = details.filter_map(|detail| detail.split('`').nth(1)).collect();
        assert_eq!(filters, ["stripe_webhook", "billing"], "once a minute for each filter");
    }
}

#[test]
fn the_gate_forwards_requests_that_the_webhook_has_verified() {
    let mut document = with_webhook("forward");
    document["plan_gate"]["unmatched"] = json!("deny");
    let mut host = super::fixture::gate_of(&document);
    let forged = [("x-tollgate-stripe-event", "evt_1"), ("x-tollgate-user", "user_9")];
    let result = host.send(&post("/webhooks/stripe", &forged));
    assert_eq!(result.removed(), [b"x-tollgate-user".to_vec()], "the webhook filter removes its own");
    assert_eq!(host.send(&post("/webhooks/stripe/x", &[])).code(), "no_rule");
    for (path, want) in
        [("/webhooks/stripe", "forwarded"), ("/webhooks/stripe?x", "forwarded"), ("/ask", "ambiguous_path")]
    {
        let result = host.send(&post("/webhooks/stripe", &[("x-forwarded-path", path)]));
        assert_eq!(result.code(), want, "a proxy in front sends the path {path}");
    }
}

#[test]
fn in_shadow_mode_the_gate_decides_but_refuses_nothing() {
    let mut host = gate_with(|gate| gate["shadow"] = json!(true));
    let free = token("free");
    for (path, authorization) in
        [("/reports", free.as_str()), ("/ask", "Bearer nonsense"), ("//ask", free.as_str())]
    {
        let result = host.send(&get(path, &[("authorization", authorization), ("x-tollgate-plan", "pro")]));
        assert_eq!(result.code(), "forwarded", "{path}");
        assert_eq!(result.removed(), [b"x-tollgate-plan".to_vec()], "{path}");
    }
    assert_eq!(host.served(9, &get("/ask", &[("authorization", &free)])), 9, "5 of them counted");
    let counts =
        ["rule.reports.shadowed", "rule.ask.shadowed", "rule.ask.allowed", "rule.unmatched.shadowed"];
    assert_eq!(counts.map(|name| host.count(name)), [1, 5, 5, 1]);
    let codes = ["plan_required", "malformed_token", "ambiguous_path", "quota_exceeded", "feature_required"];
    assert_eq!(codes.map(|code| host.count(&format!("shadowed.{code}"))), [1, 1, 1, 4, 0]);
}

#[test]
fn shadow_mode_logs_each_refusal_with_its_rule_code_and_subject() {
    let mut host = gate_with(|gate| gate["shadow"] = json!(true));
    let free = token("free");
    host.send(&get("/reports", &[("authorization", &free)]));
    host.send(&get("/ask", &[]));
    host.send(&get("//ask", &[]));
    let lines = host.audit_lines("shadowed");
    let members = |line: &Value| ["code", "rule", "subject"].map(|name| line[name].clone());
    assert_eq!(
        lines.iter().map(members).collect::<Vec<_>>(),
        [
            [json!("plan_required"), json!("reports"), json!("user_1")],
            [json!("missing_token"), json!("ask"), json!(null)],
            [json!("ambiguous_path"), json!("unmatched"), json!(null)],
        ]
    );
    assert_eq!(lines[0]["detail"], "the plan free does not include this; pro does");
    host.now = host.now.plus(Duration::from_secs(1));
    host.served(25, &get("/reports", &[("authorization", &free)]));
    assert_eq!(host.audit_lines("shadowed").len(), 3 + 10, "ten a second");
    host.now = host.now.plus(Duration::from_secs(1));
    host.send(&get("/reports", &[("authorization", &free)]));
    assert_eq!(host.audit_lines("shadowed").last().unwrap()["left_out"], 15);
    let mut enforcing = gate();
    enforcing.send(&get("/reports", &[("authorization", &free)]));
    assert!(enforcing.audit_lines("shadowed").is_empty());
}

#[test]
fn only_authorized_origins_can_read_the_gates_responses() {
    let origin = |origin| get("/ask", &[("origin", origin)]);
    let mut host = gate();
    let result = host.send(&origin("https://app.example.com"));
    assert_eq!(result.field("access-control-allow-origin"), Some("https://app.example.com"));
    assert!(result.field("access-control-expose-headers").unwrap().contains("retry-after"));
    assert_eq!(host.send(&origin("https://evil.example.com")).field("access-control-allow-origin"), None);
    let mut off = gate_with(|gate| gate["cors"] = json!("off"));
    assert_eq!(off.send(&origin("https://app.example.com")).field("access-control-allow-origin"), None);
}

/// Sends each a new token, one a minute, and returns the alarms about a missing plan claim.
fn missing_plan_claims(host: &mut Host, claims: &[Value]) -> Vec<Value> {
    for (number, claims) in claims.iter().enumerate() {
        let token = bearer(|draft| {
            draft.claim("jti", number);
            draft.claim("exp", NOW_S + 3_600);
            for (name, value) in claims.as_object().unwrap() {
                draft.claim(name, value.clone());
            }
        });
        assert_eq!(host.send(&get("/account", &[("authorization", &token)])).code(), "forwarded");
        host.now = host.now.plus(Duration::from_secs(60));
    }
    assert_eq!(host.count("plan_claim_missing"), host.alarms("plan_claim_missing").len());
    host.alarms("plan_claim_missing")
}

#[test]
fn tokens_without_any_plan_claim_raise_an_alarm_after_two_minutes() {
    let none = json!({});
    assert!(missing_plan_claims(&mut gate(), &[none.clone(), none.clone()]).is_empty());
    let alarms = missing_plan_claims(&mut gate(), &vec![none.clone(); 12]);
    assert_eq!(alarms.len(), 1, "once in ten minutes");
    assert_eq!(alarms[0]["subject"], "user_1");
    let cure = alarms[0]["cure"].as_str().unwrap();
    let detail = alarms[0]["detail"].as_str().unwrap();
    assert!(cure.contains("{{user.public_metadata.plan}}") && detail.ends_with(cure), "{detail}");
    assert!(detail.contains("public_metadata.plan, metadata.plan"), "{detail}");
}

#[test]
fn users_who_are_on_no_plan_raise_no_alarm() {
    for claims in [json!({"public_metadata": {"plan": null}}), json!({"metadata": {}}), json!({"plan": null})]
    {
        assert!(missing_plan_claims(&mut gate(), &vec![claims; 12]).is_empty());
    }
    let mut mixed = vec![json!({}); 12];
    for number in [1, 3, 5, 7, 9, 11] {
        mixed[number] = json!({"public_metadata": {}});
    }
    assert!(missing_plan_claims(&mut gate(), &mixed).is_empty(), "the template was changed");
    let mut organizations = gate_with(|gate| gate["subject"] = json!("organization"));
    assert!(
        missing_plan_claims(&mut organizations, &vec![json!({}); 12]).is_empty(),
        "no active organization"
    );
    let mut document = document();
    document["plans"] = json!([document["plans"][0]]);
    document["plan_gate"]["rules"] = json!([{"name": "signed_in", "path_prefix": "/account"}]);
    assert!(missing_plan_claims(&mut gate_of(&document), &vec![json!({}); 12]).is_empty(), "one plan");
}

#[test]
fn an_unknown_plan_counts_as_the_default_and_is_reported_once_a_token() {
    let cases = [
        ("not configured", json!("platinum")),
        ("in capitals", json!("Pro")),
        ("no text", json!(3)),
        ("empty", json!("")),
    ];
    for (why, plan) in cases {
        let mut host = gate();
        let token = token(plan);
        for _ in 0..3 {
            let result = host.send(&get("/reports", &[("authorization", &token)]));
            assert_eq!((result.code(), &result.json()["plan"]), ("plan_required", &json!("free")), "{why}");
        }
        assert_eq!(host.alarms("plan_unknown").len(), 1, "{why}");
        assert_eq!(host.alarms("plan_unknown")[0]["subject"], "user_1", "{why}");
        assert_eq!(host.count("plan_unknown"), 1, "{why}");
    }
    let mut silent = gate();
    silent.send(&get("/reports", &[("authorization", &token(Value::Null))]));
    assert_eq!(silent.count("plan_unknown"), 0, "a token without a plan has no fault");
}

#[test]
fn an_unknown_plan_is_counted_by_token_and_logged_once_a_minute() {
    let mut host = gate();
    let send = |host: &mut super::Host, user: &str, plan: &str| {
        let token = bearer(|draft| {
            draft.claim("sub", user);
            draft.claim("public_metadata", json!({"plan": plan}));
        });
        host.send(&get("/account", &[("authorization", &token)]));
        (host.alarms("plan_unknown").len(), host.count("plan_unknown"))
    };
    assert_eq!(send(&mut host, "user_1", "platinum"), (1, 1));
    assert_eq!(send(&mut host, "user_2", "platinum"), (1, 2), "another token, the same plan");
    assert_eq!(send(&mut host, "user_3", "gold"), (2, 3), "another plan");
    host.sleep_s(60);
    assert_eq!(send(&mut host, "user_4", "platinum"), (3, 4));
    host.now = tollgate_core::time::Micros::from_secs(host.now.as_secs() - 30);
    assert_eq!(send(&mut host, "user_5", "platinum"), (4, 5), "the clock stepped back");
}

#[test]
fn each_unknown_slug_is_logged_even_if_another_is_known() {
    let mut host = gate_with(|gate| gate["plan_claims"] = json!({"user": ["clerk_billing"]}));
    let token = bearer(|draft| draft.claim("pla", "u:pro_monthly,u:gold,u:silver,o:bronze"));
    let result = host.send(&get("/reports", &[("authorization", &token)]));
    assert_eq!((result.code(), result.upstream("x-tollgate-plan")), ("forwarded", Some("pro")));
    let alarms = host.alarms("plan_unknown");
    let found: Vec<&Value> = alarms.iter().map(|alarm| &alarm["found"]).collect();
    assert_eq!(found, ["gold", "silver"]);
    assert!(alarms[0]["cure"].as_str().unwrap().contains("clerk_plan"));
    assert_eq!(host.count("plan_unknown"), 1, "it is one token");
}

#[test]
fn a_plan_whose_grace_is_over_counts_as_the_default() {
    let mut host = gate();
    let until = host.now.as_secs() + 10;
    let token = bearer(|draft| {
        draft.claim("public_metadata", json!({"plan": "pro", "subscription": {"grace_until": until}}));
    });
    let reports = get("/reports", &[("authorization", &token)]);
    host.sleep_s(9);
    assert_eq!(host.send(&reports).code(), "forwarded", "one second before its end");
    host.sleep_s(1);
    let result = host.send(&reports);
    assert_eq!((result.code(), &result.json()["plan"]), ("plan_required", &json!("free")));
}

#[test]
fn the_plan_can_come_from_clerk_billing_alone() {
    let claims = json!({"user": ["clerk_billing"], "organization": ["clerk_billing"]});
    let cases = [
        ("its slug", json!({"pla": "u:pro_monthly"}), "/reports", "forwarded"),
        (
            "the plan's name, but another slug is configured",
            json!({"pla": "u:pro"}),
            "/reports",
            "plan_required",
        ),
        ("a name where no slug is configured", json!({"pla": "u:enterprise"}), "/login", "forwarded"),
        ("the highest of several", json!({"pla": "u:free,u:enterprise"}), "/login", "forwarded"),
        ("an organization's", json!({"pla": "o:pro_monthly"}), "/reports", "plan_required"),
        (
            "a feature in addition to the plan",
            json!({"pla": "u:free", "fea": "u:priority_support"}),
            "/support",
            "forwarded",
        ),
        ("an organization's feature", json!({"pla": "u:free", "fea": "o:sso"}), "/login", "feature_required"),
        ("nothing", json!({}), "/reports", "plan_required"),
    ];
    for (why, billing, path, want) in cases {
        let mut host = gate_with(|gate| gate["plan_claims"] = claims.clone());
        let token = bearer(|draft| {
            for (name, value) in billing.as_object().unwrap() {
                draft.claim(name, value.clone());
            }
        });
        assert_eq!(host.send(&get(path, &[("authorization", &token)])).code(), want, "{why}");
    }
}

#[test]
fn header_fields_that_override_path_or_method_bypass_no_rule() {
    let mut host = gate_with(|gate| {
        let rules = gate["rules"].as_array_mut().unwrap();
        rules.insert(0, json!({"name": "writes", "path_prefix": "/drafts", "methods": ["POST"], "require": {"plan": "pro"}}));
    });
    let free = token("free");
    let cases = [
        ("x-original-url", "/reports", "/other", "ambiguous_path"),
        ("x-rewrite-url", "/reports", "/other", "ambiguous_path"),
        ("x-original-url", "/other", "/other", "forwarded"),
        ("x-http-method-override", "POST", "/drafts", "ambiguous_method"),
        ("x-http-method-override", "PATCH", "/drafts", "forwarded"),
        ("x-http-method-override", "POST", "/other", "forwarded"),
        ("x-forwarded-host", "anything", "/other", "forwarded"),
    ];
    for (name, value, path, want) in cases {
        let result = host.send(&get(path, &[(name, value), ("authorization", &free)]));
        assert_eq!(result.code(), want, "{name}: {value} at {path}");
    }
}

#[test]
fn paths_of_honest_clients_are_matched_by_their_rules() {
    let long = format!("/reports/{}", "%E6%97%A5".repeat(800));
    let guarded = [
        "/reports/ada%40example.com",
        "/reports/ada%2Btest%40example.com?next=/ask;x//y%2Fz",
        "/reports/a%20b/100%25/50%25%20off/%2Bx",
        "/reports/caf%C3%A9/%e6%97%a5/%F0%9F%98%80",
        "/reports/shop:export/a,b/(draft)/it's/$1/a=b&c/*!",
        "/reports/shop%3Aexport/a%2Cb/%28draft%29/it%27s/%241/a%3Db%26c/%2A%21",
        "/reports/a+b/v1.2.3/ask.json",
        "/reports/.well-known/..x/a..b/x.tar.gz",
        "/reports/%5Btoken%5D/%7Bid%7D/%22x%22/a%7Cb/a%5Eb",
        "/reports/index.html",
        "/reports/3F2504E0-4F89-41D3-9A0C-0305E82C3301/",
        long.as_str(),
    ];
    let free = [
        "/",
        "/favicon.ico",
        "/.well-known/openid-configuration",
        "/assets/index-Dk3x.min.js",
        "/asking",
        "/reportsx.json",
        "/v1/ask",
        "/grpc.health.v1.Health/Check",
        "/@ada/posts/2026-11-28",
        "/search-engine/a%20b%40c",
        "/index.php/wp-json/wp/v2/posts",
    ];
    let pro = token("pro");
    for unmatched in ["pass", "require_token", "deny"] {
        let mut host = gate_with(|gate| gate["unmatched"] = json!(unmatched));
        for path in guarded {
            let signed_in = host.send(&get(path, &[("authorization", &pro)]));
            assert_eq!(signed_in.code(), "forwarded", "{unmatched}: {path}");
            assert_eq!(host.send(&get(path, &[])).code(), "missing_token", "{unmatched}: {path}");
        }
        let want = if unmatched == "deny" { "no_rule" } else { "forwarded" };
        for path in free {
            let result = host.send(&get(path, &[("authorization", &pro)]));
            assert_eq!(result.code(), want, "{unmatched}: {path}");
        }
    }
}

#[test]
fn a_preflight_with_an_overridden_method_or_path_needs_a_token() {
    let preflight = [("origin", "https://x"), ("access-control-request-method", "POST")];
    let ask = |field: Option<(&'static str, &'static str)>| {
        let fields: Vec<_> = preflight.into_iter().chain(field).collect();
        gate().send(&request("OPTIONS", "/reports", &fields)).code().to_owned()
    };
    assert_eq!(ask(None), "forwarded");
    assert_eq!(ask(Some(("x-http-method-override", "GET"))), "missing_token");
    assert_eq!(ask(Some(("x-original-url", "/reports/daily"))), "missing_token");
    assert_eq!(ask(Some(("x-forwarded-path", "/reports"))), "forwarded", "a proxy in front repeats the path");
    assert_eq!(ask(Some(("x-original-uri", "/reports?page=2"))), "forwarded");
    assert_eq!(
        ask(Some(("x-http-method-override", "OPTIONS"))),
        "forwarded",
        "a proxy in front repeats the method"
    );
}
