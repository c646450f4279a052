//! Tests of counting in envoyproxy/ratelimit: queries, additions, recorded refusals, and failures of the
//! service.

use super::host::bearer;
use super::service::{Failure, FakeRatelimit};
use super::{Host, configuration, gate_with, get, token};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;

const DAY_S: u64 = 86_400;

fn edit(gate: &mut Value) {
    gate["store"] = json!({"ratelimit": {"cluster": "ratelimit"}});
    gate["usage_path"] = json!("/usage");
}

/// Returns a gateway and its rate limit service.
fn fleet_of_one() -> (Host, Rc<RefCell<FakeRatelimit>>) {
    with_store(|_| {})
}

fn with_store(more: impl FnOnce(&mut Value)) -> (Host, Rc<RefCell<FakeRatelimit>>) {
    let mut host = gate_with(|gate| {
        edit(gate);
        more(gate);
    });
    let service = Rc::new(RefCell::new(FakeRatelimit::default()));
    host.ratelimit = Some(Rc::clone(&service));
    (host, service)
}

/// Returns a gateway on another machine.
fn replica(host: &Host) -> Host {
    let mut other = Host::new(&configuration(edit), [2; 16]);
    other.now = host.now;
    other.ratelimit.clone_from(&host.ratelimit);
    other
}

fn served(host: &mut Host, path: &str, plan: &str, requests: u64) -> u64 {
    host.served(requests, &get(path, &[("authorization", &token(plan))]))
}

fn usage(host: &mut Host, plan: &str, limit: &str) -> Value {
    host.send(&get("/usage", &[("authorization", &token(plan))])).json()["limits"][limit].clone()
}

#[test]
fn all_gateways_share_a_limit_with_one_call_for_each_request() {
    let (mut one, service) = fleet_of_one();
    let mut two = replica(&one);
    assert_eq!(served(&mut one, "/ask", "pro", 40) + served(&mut two, "/ask", "pro", 40), 80);
    assert_eq!(service.borrow().calls(), 80);
    assert_eq!(served(&mut one, "/ask", "pro", 40) + served(&mut two, "/ask", "pro", 40), 20, "100 a month");
    let counted = service.borrow().counted(&["subject=user_1", "limit=asks", "period=2027-01"]);
    assert!((100..=101).contains(&counted), "the second had last observed 80: {counted}");
    one.sleep_s(17 * DAY_S);
    assert_eq!(served(&mut one, "/ask", "pro", 120), 100, "February");
}

#[test]
fn the_response_shows_the_use_of_all_gateways() {
    let (mut one, _) = fleet_of_one();
    let mut two = replica(&one);
    let free = token("free");
    let request = get("/ask", &[("authorization", &free)]);
    assert_eq!(one.served(3, &request), 3);
    let fourth = two.send(&request);
    assert_eq!(fourth.field("ratelimit"), Some(r#""asks";r=1;t=57600"#));
    assert_eq!(two.served(1, &request), 1);
    let refused = one.send(&request);
    assert_eq!((refused.status(), refused.code()), (429, "quota_exceeded"));
    assert_eq!(refused.field("retry-after"), Some("57600"));
    assert_eq!(refused.field("ratelimit"), Some(r#""asks";r=0;t=57600"#));
    let day = json!([{"per": "day", "max": 5, "used": 5, "remaining": 0, "reset": "2027-01-16T00:00:00Z"}]);
    assert_eq!(usage(&mut one, "free", "asks"), day, "the shown use is capped at the limit");
}

#[test]
fn a_subject_over_the_limit_is_refused_without_further_calls() {
    let (mut host, service) = fleet_of_one();
    assert_eq!(served(&mut host, "/ask", "free", 1_000), 5);
    assert_eq!((service.borrow().additions, service.borrow().queries), (5, 1));
    assert_eq!(service.borrow().counted(&["limit=asks"]), 5, "no refusal was counted");
    host.sleep_s(DAY_S);
    assert_eq!(served(&mut host, "/ask", "free", 9), 5, "the next day");
}

#[test]
fn a_recorded_refusal_does_not_apply_to_a_lower_cost() {
    let (mut host, service) = fleet_of_one();
    assert_eq!(served(&mut host, "/pair", "free", 9), 2, "4 of 5");
    let calls = service.borrow().calls();
    assert_eq!(served(&mut host, "/pair", "free", 100), 0);
    assert_eq!(service.borrow().calls(), calls, "it is remembered");
    assert_eq!(served(&mut host, "/ask", "free", 9), 1, "the refused requests used nothing");
}

#[test]
fn a_higher_plan_is_served_at_once_and_continues_the_count() {
    let (mut host, service) = fleet_of_one();
    assert_eq!(served(&mut host, "/burst", "free", 3), 2, "2 a minute");
    host.sleep_s(60);
    assert_eq!(served(&mut host, "/burst", "free", 3), 1, "3 a day");
    assert_eq!(served(&mut host, "/burst", "pro", 20), 6, "9 a day, of which three were used");
    assert_eq!(served(&mut host, "/burst", "free", 1), 0);
    assert_eq!(service.borrow().counted(&["limit=burst", "per=day"]), 9);
}

#[test]
fn fast_polling_does_not_use_up_the_longer_window() {
    let (mut one, service) = fleet_of_one();
    let mut two = replica(&one);
    assert_eq!(served(&mut one, "/burst", "free", 500) + served(&mut two, "/burst", "free", 500), 2);
    assert_eq!(service.borrow().counted(&["limit=burst", "per=day"]), 2);
    assert!(service.borrow().calls() <= 8, "{:?}", service.borrow());
    for host in [&mut one, &mut two] {
        host.sleep_s(60);
    }
    assert_eq!(
        served(&mut two, "/burst", "free", 500) + served(&mut one, "/burst", "free", 500),
        1,
        "3 a day"
    );
}

#[test]
fn usage_is_read_in_one_call_that_costs_nothing() {
    let (mut host, service) = fleet_of_one();
    assert_eq!(served(&mut host, "/ask", "free", 3), 3);
    let calls = service.borrow().calls();
    for _ in 0..3 {
        assert_eq!(usage(&mut host, "free", "asks")[0]["used"], 3);
        assert_eq!(usage(&mut host, "free", "burst").as_array().unwrap().len(), 2, "both windows");
    }
    assert_eq!((service.borrow().calls() - calls, service.borrow().queries), (6, 6));
    assert_eq!(usage(&mut host, "enterprise", "asks"), "unlimited");
    assert_eq!(service.borrow().queries, 6, "there was nothing to ask");
}

#[test]
fn anonymous_callers_are_counted_by_their_address() {
    let (mut host, service) = fleet_of_one();
    assert_eq!(host.served(9, &get("/search", &[])), 5);
    assert_eq!(service.borrow().counted(&["subject=192.0.2.1 "]), 5);
    host.come_from("[2001:db8::1]:9");
    assert_eq!(host.served(9, &get("/search", &[])), 5);
    assert_eq!(service.borrow().counted(&["subject=2001:db8:0:0::/64 "]), 5);
}

#[test]
fn many_addresses_evict_no_recorded_refusal_of_a_subject() {
    let (mut host, service) = fleet_of_one();
    assert_eq!(served(&mut host, "/ask", "free", 9), 5);
    for caller in 0..3_000_u32 {
        host.come_from(&format!("10.0.{}.{}:1", caller / 256, caller % 256));
        assert_eq!(host.served(1, &get("/search", &[])), 1);
    }
    let calls = service.borrow().calls();
    assert_eq!(served(&mut host, "/ask", "free", 9), 0);
    assert_eq!(service.borrow().calls(), calls);
}

#[test]
fn if_the_service_fails_on_error_decides_and_one_alarm_is_logged() {
    for failure in [Failure::TimesOut, Failure::Refuses, Failure::Empty, Failure::Unconfigured] {
        for (on_error, want) in [("allow", "forwarded"), ("deny", "store_unavailable")] {
            let (mut host, service) =
                with_store(|gate| gate["store"]["ratelimit"]["on_error"] = json!(on_error));
            let free = token("free");
            let ask = get("/ask", &[("authorization", &free)]);
            assert_eq!(host.served(2, &ask), 2);
            service.borrow_mut().fails = Some(failure);
            for path in ["/ask", "/ask", "/burst", "/pair"] {
                let result = host.send(&get(path, &[("authorization", &free)]));
                assert_eq!(result.code(), want, "{failure:?} {path}");
                assert_eq!(result.field("ratelimit"), None, "the state is unknown");
            }
            assert_eq!(host.count("counters.store_failed"), 4);
            assert_eq!(host.count("counters.uncounted"), if on_error == "allow" { 4 } else { 0 });
            assert_eq!(host.alarms("store_unavailable").len(), 1, "{failure:?}");
            host.sleep_s(60);
            host.send(&ask);
            assert_eq!(host.alarms("store_unavailable").len(), 2);
            let usage = host.send(&get("/usage", &[("authorization", &free)]));
            assert_eq!((usage.status(), usage.code()), (503, "store_unavailable"), "for any on_error");
            service.borrow_mut().fails = None;
            assert_eq!(host.served(9, &ask), 3, "what was counted before is still there");
        }
    }
}

#[test]
fn a_recorded_refusal_needs_no_service() {
    let (mut host, service) = fleet_of_one();
    assert_eq!(served(&mut host, "/ask", "free", 9), 5);
    service.borrow_mut().fails = Some(Failure::Refuses);
    assert_eq!(served(&mut host, "/ask", "free", 9), 0, "on_error: allow grants no more than before");
}

#[test]
fn a_service_with_another_configuration_is_reported_with_the_cure() {
    let (mut host, service) = fleet_of_one();
    service.borrow_mut().fails = Some(Failure::Unconfigured);
    served(&mut host, "/ask", "free", 1);
    let alarms = host.alarms("store_unavailable");
    assert!(alarms[0]["cause"].as_str().unwrap().contains("it has no counter `per` up to 4294967295"));
    assert!(alarms[0]["cure"].as_str().unwrap().contains("envoy/ratelimit/config/tollgate.yaml"));
    assert_eq!(alarms[0]["requests"], "served uncounted");
}

#[test]
fn at_midnight_days_are_kept_apart_for_any_clock_difference() {
    for ahead_s in [0, 2, -2] {
        let (mut host, service) = fleet_of_one();
        service.borrow_mut().ahead_s = ahead_s;
        host.sleep_s(57_600 - 5);
        assert_eq!(served(&mut host, "/ask", "free", 9), 5, "{ahead_s}");
        let mut after = Vec::new();
        for _ in 0..10 {
            host.sleep_s(1);
            after.push(served(&mut host, "/ask", "free", 9));
        }
        // The later of the two midnights, because the earlier day is used up by one of the clocks.
        let midnight = if ahead_s < 0 { 6 } else { 4 };
        let mut want = [0; 10];
        want[midnight] = 5;
        assert_eq!(after, want, "{ahead_s}");
    }
}

#[test]
fn a_recorded_refusal_is_checked_again_after_a_confirmation() {
    let (mut host, service) = with_store(|gate| gate["confirm"] = json!({"cluster": "clerk_api"}));
    let free = token("free");
    let ask = get("/ask", &[("authorization", &free)]);
    assert_eq!(host.served(5, &ask), 5);
    let record = json!({"id": "user_1", "public_metadata": {"plan": "free"}}).to_string();
    let confirmed = |host: &mut Host| {
        let started = host.start(&ask);
        host.answer_inquiries(200, &record);
        host.finish(started).code().to_owned()
    };
    assert_eq!(confirmed(&mut host), "quota_exceeded");
    service.borrow_mut().forget();
    host.sleep_s(1);
    assert_eq!(confirmed(&mut host), "forwarded", "the use was reset in Redis");
}

#[test]
fn shadow_mode_refuses_nothing_but_counts() {
    let (mut host, service) = with_store(|gate| gate["shadow"] = json!(true));
    assert_eq!(served(&mut host, "/ask", "free", 9), 9);
    assert_eq!(service.borrow().counted(&["limit=asks"]), 5);
}

#[test]
fn subjects_have_separate_counters() {
    let (mut host, _) = fleet_of_one();
    assert_eq!(served(&mut host, "/ask", "free", 9), 5);
    let other = bearer(|draft| {
        draft.claim("sub", "user_2");
        draft.claim("public_metadata", json!({"plan": "free"}));
    });
    assert_eq!(host.served(9, &get("/ask", &[("authorization", &other)])), 5);
}
