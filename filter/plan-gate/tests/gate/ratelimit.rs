//! Counting in envoyproxy/ratelimit: what is asked, what is added, what is remembered, and what happens without it.

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

/// A gateway and the service that it counts in.
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

/// A gateway of another machine.
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
fn one_limit_holds_over_all_gateways_and_costs_one_call_a_request() {
    let (mut one, service) = fleet_of_one();
    let mut two = replica(&one);
    assert_eq!(served(&mut one, "/ask", "pro", 40) + served(&mut two, "/ask", "pro", 40), 80);
    assert_eq!(service.borrow().calls(), 80);
    assert_eq!(served(&mut one, "/ask", "pro", 40) + served(&mut two, "/ask", "pro", 40), 20, "100 a month");
    let counted = service.borrow().counted(&["subject=user_1", "limit=asks", "period=2027-01"]);
    assert!((100..=101).contains(&counted), "the second had last heard of 80: {counted}");
    one.sleep_s(17 * DAY_S);
    assert_eq!(served(&mut one, "/ask", "pro", 120), 100, "February");
}

#[test]
fn the_answer_tells_how_the_whole_fleet_stands() {
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
    assert_eq!(usage(&mut one, "free", "asks"), day, "use is told as far as the limit goes");
}

#[test]
fn whoever_is_over_the_limit_is_refused_without_further_calls() {
    let (mut host, service) = fleet_of_one();
    assert_eq!(served(&mut host, "/ask", "free", 1_000), 5);
    assert_eq!((service.borrow().added, service.borrow().asked), (5, 1));
    assert_eq!(service.borrow().counted(&["limit=asks"]), 5, "no refusal was counted");
    host.sleep_s(DAY_S);
    assert_eq!(served(&mut host, "/ask", "free", 9), 5, "the next day");
}

#[test]
fn a_refusal_holds_for_what_was_refused_and_a_cheaper_request_is_served() {
    let (mut host, service) = fleet_of_one();
    assert_eq!(served(&mut host, "/pair", "free", 9), 2, "4 of 5");
    let calls = service.borrow().calls();
    assert_eq!(served(&mut host, "/pair", "free", 100), 0);
    assert_eq!(service.borrow().calls(), calls, "it is remembered");
    assert_eq!(served(&mut host, "/ask", "free", 9), 1, "the fifth was not lost to the refused ones");
}

#[test]
fn a_higher_plan_is_served_at_once_and_goes_on_from_what_was_used() {
    let (mut host, service) = fleet_of_one();
    assert_eq!(served(&mut host, "/burst", "free", 3), 2, "2 a minute");
    host.sleep_s(60);
    assert_eq!(served(&mut host, "/burst", "free", 3), 1, "3 a day");
    assert_eq!(served(&mut host, "/burst", "pro", 20), 6, "9 a day, of which three were used");
    assert_eq!(served(&mut host, "/burst", "free", 1), 0);
    assert_eq!(service.borrow().counted(&["limit=burst", "per=day"]), 9);
}

#[test]
fn a_client_that_polls_far_too_fast_does_not_burn_its_longer_window() {
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
    assert_eq!((service.borrow().calls() - calls, service.borrow().asked), (6, 6));
    assert_eq!(usage(&mut host, "enterprise", "asks"), "unlimited");
    assert_eq!(service.borrow().asked, 6, "there was nothing to ask");
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
fn a_flood_of_addresses_evicts_no_refusal_of_a_signed_in_caller() {
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
fn without_the_service_on_error_decides_and_one_alarm_a_minute_says_so() {
    for failure in [Failure::TimesOut, Failure::Refuses, Failure::SaysNothing, Failure::Unconfigured] {
        for (on_error, want) in [("allow", "on"), ("deny", "store_unavailable")] {
            let (mut host, service) =
                with_store(|gate| gate["store"]["ratelimit"]["on_error"] = json!(on_error));
            let free = token("free");
            let ask = get("/ask", &[("authorization", &free)]);
            assert_eq!(host.served(2, &ask), 2);
            service.borrow_mut().fails = Some(failure);
            for path in ["/ask", "/ask", "/burst", "/pair"] {
                let answer = host.send(&get(path, &[("authorization", &free)]));
                assert_eq!(answer.code(), want, "{failure:?} {path}");
                assert_eq!(answer.field("ratelimit"), None, "nobody knows");
            }
            assert_eq!(host.count("counters.store_failed"), 4);
            assert_eq!(host.count("counters.uncounted"), if on_error == "allow" { 4 } else { 0 });
            assert_eq!(host.alarms("store_unavailable").len(), 1, "{failure:?}");
            host.sleep_s(60);
            host.send(&ask);
            assert_eq!(host.alarms("store_unavailable").len(), 2);
            let usage = host.send(&get("/usage", &[("authorization", &free)]));
            assert_eq!((usage.status(), usage.code()), (503, "store_unavailable"), "whatever on_error says");
            service.borrow_mut().fails = None;
            assert_eq!(host.served(9, &ask), 3, "what was counted before is still there");
        }
    }
}

#[test]
fn a_refusal_that_is_remembered_needs_no_service() {
    let (mut host, service) = fleet_of_one();
    assert_eq!(served(&mut host, "/ask", "free", 9), 5);
    service.borrow_mut().fails = Some(Failure::Refuses);
    assert_eq!(served(&mut host, "/ask", "free", 9), 0, "on_error: allow gives nobody more than before");
}

#[test]
fn a_service_without_tollgates_configuration_is_reported_with_the_cure() {
    let (mut host, service) = fleet_of_one();
    service.borrow_mut().fails = Some(Failure::Unconfigured);
    served(&mut host, "/ask", "free", 1);
    let alarms = host.alarms("store_unavailable");
    assert!(alarms[0]["cause"].as_str().unwrap().contains("it has no counter `per` up to 4294967295"));
    assert!(alarms[0]["cure"].as_str().unwrap().contains("envoy/ratelimit/config/tollgate.yaml"));
    assert_eq!(alarms[0]["requests"], "served uncounted");
}

#[test]
fn at_midnight_no_day_is_taken_for_another_whichever_clock_is_ahead() {
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
        // The later of the two midnights, since what one clock calls yesterday's is used up.
        let midnight = if ahead_s < 0 { 6 } else { 4 };
        let mut want = [0; 10];
        want[midnight] = 5;
        assert_eq!(after, want, "{ahead_s}");
    }
}

#[test]
fn who_was_refused_is_asked_about_again_once_clerk_has_said_something() {
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
    assert_eq!(confirmed(&mut host), "on", "somebody has given it back in Redis");
}

#[test]
fn shadow_mode_refuses_nobody_and_counts_the_same() {
    let (mut host, service) = with_store(|gate| gate["shadow"] = json!(true));
    assert_eq!(served(&mut host, "/ask", "free", 9), 9);
    assert_eq!(service.borrow().counted(&["limit=asks"]), 5);
}

#[test]
fn subjects_are_counted_apart() {
    let (mut host, _) = fleet_of_one();
    assert_eq!(served(&mut host, "/ask", "free", 9), 5);
    let other = bearer(|draft| {
        draft.claim("sub", "user_2");
        draft.claim("public_metadata", json!({"plan": "free"}));
    });
    assert_eq!(host.served(9, &get("/ask", &[("authorization", &other)])), 5);
}
