//! Tests of counting in the local store: exactly as much as the plan allows.

use super::{Host, configuration, gate, gate_with, get, post, token};
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;
use tollgate_core::machine::Version;
use tollgate_core::quota::SWAP_TRIES_MAX;
use tollgate_driver::memory::Interruption;

const DAY_S: u64 = 86_400;

/// Returns the key of shared data with this namespace's seed.
fn seed_key() -> String {
    let mut host = gate();
    assert_eq!(asks(&mut host, "free", 1), 1);
    host.shared.keys().into_iter().find(|key| key.ends_with("/seed")).unwrap()
}

fn asks(host: &mut Host, plan: &str, requests: u64) -> u64 {
    host.served(requests, &get("/ask", &[("authorization", &token(plan))]))
}

#[test]
fn as_many_are_served_as_the_plan_allows() {
    for (plan, want) in [("free", 5), ("pro", 100), ("enterprise", 130)] {
        assert_eq!(asks(&mut gate(), plan, 130), want, "{plan}");
    }
}

#[test]
fn a_refusal_shows_when_there_is_room_again() {
    let mut host = gate();
    let free = token("free");
    let request = post("/ask", &[("authorization", &free)]);
    let first = host.send(&request);
    assert_eq!(first.field("ratelimit"), Some(r#""asks";r=4;t=57600"#), "08:00, sixteen hours to go");
    assert_eq!(first.field("ratelimit-policy"), Some(r#""asks";q=5;w=86400"#));
    assert_eq!(first.field("x-ratelimit-remaining"), Some("4"));
    assert_eq!(host.served(4, &request), 4);
    let refused = host.send(&request);
    let body = refused.json();
    assert_eq!((refused.status(), refused.code()), (429, "quota_exceeded"));
    assert_eq!(refused.field("retry-after"), Some("57600"));
    assert_eq!(refused.field("ratelimit"), Some(r#""asks";r=0;t=57600"#));
    for (member, want) in [
        ("plan", json!("free")),
        ("limit", json!("asks")),
        ("max", json!(5)),
        ("per", json!("day")),
        ("reset", json!("2027-01-16T00:00:00Z")),
        ("upgrade_url", json!("https://app.example.com/pricing")),
    ] {
        assert_eq!(body[member], want, "{member}");
    }
    host.sleep_s(57_600);
    assert_eq!(host.served(9, &request), 5, "the next day");
}

#[test]
fn the_rate_limit_fields_have_the_configured_forms() {
    let cases =
        [("ietf", true, false), ("x-ratelimit", false, true), ("both", true, true), ("none", false, false)];
    for (form, ietf, x) in cases {
        let mut host = gate_with(|gate| gate["rate_limit_headers"] = json!(form));
        let free = token("free");
        let request = get("/ask", &[("authorization", &free)]);
        for result in [host.send(&request), (0..5).map(|_| host.send(&request)).last().unwrap()] {
            assert_eq!(result.field("ratelimit").is_some(), ietf, "{form}");
            assert_eq!(result.field("ratelimit-policy").is_some(), ietf, "{form}");
            assert_eq!(result.field("x-ratelimit-limit").is_some(), x, "{form}");
        }
    }
}

#[test]
fn a_cost_is_counted_as_a_whole_or_not_at_all() {
    let mut host = gate();
    let free = token("free");
    let pair = get("/pair", &[("authorization", &free)]);
    assert_eq!(host.served(9, &pair), 2, "4 of 5");
    assert_eq!(asks(&mut host, "free", 9), 1, "the refused requests used nothing");
    assert_eq!(
        host.send(&get("/bulk", &[("authorization", &free)])).code(),
        "plan_required",
        "6 never fit into 5"
    );
    assert_eq!(host.served(30, &get("/bulk", &[("authorization", &token("pro"))])), 16, "96 of 100");
}

#[test]
fn all_windows_must_have_room_and_a_refused_request_counts_in_none() {
    let mut host = gate();
    let free = token("free");
    let burst = get("/burst", &[("authorization", &free)]);
    assert_eq!(host.served(9, &burst), 2, "2 a minute");
    assert_eq!(host.send(&burst).field("retry-after"), Some("60"));
    host.sleep_s(60);
    let third = host.send(&burst);
    assert_eq!(third.code(), "forwarded");
    assert_eq!(
        third.field("ratelimit"),
        Some(r#""burst";r=0;t=57540"#),
        "the day is tighter than the minute"
    );
    assert_eq!(host.send(&burst).field("retry-after"), Some("57540"), "3 a day");
}

#[test]
fn rules_of_one_limit_share_a_counter_and_limits_do_not() {
    let mut host = gate();
    let free = token("free");
    assert_eq!(asks(&mut host, "free", 9), 5);
    assert_eq!(host.served(1, &get("/burst", &[("authorization", &free)])), 1);
    assert_eq!(
        host.served(1, &get("/search", &[("authorization", &free)])),
        0,
        "the same limit at another path"
    );
}

#[test]
fn anonymous_callers_are_counted_by_their_address() {
    let mut host = gate();
    let search = get("/search", &[]);
    assert_eq!(host.served(9, &search), 5);
    host.come_from("192.0.2.1:9");
    assert_eq!(host.served(9, &search), 0, "another port");
    host.come_from("192.0.2.2:9");
    assert_eq!(host.served(9, &search), 5, "another address");
    host.come_from("[2001:db8::1]:9");
    assert_eq!(host.served(9, &search), 5);
    host.come_from("[2001:db8::ffff:2]:9");
    assert_eq!(host.served(9, &search), 0, "the same network");
    assert_eq!(asks(&mut host, "free", 9), 5, "signed-in callers have their own counters");
}

#[test]
fn an_upgrade_after_a_used_up_limit_starts_at_zero() {
    let mut host = gate();
    assert_eq!(asks(&mut host, "free", 9), 5);
    let first = host.send(&get("/ask", &[("authorization", &token("pro"))]));
    assert_eq!(first.field("x-ratelimit-remaining"), Some("99"));
    assert_eq!(asks(&mut host, "pro", 130), 99);
}

#[test]
fn a_plan_that_returns_continues_with_its_count() {
    let mut host = gate();
    assert_eq!(asks(&mut host, "pro", 40), 40);
    assert_eq!(asks(&mut host, "free", 9), 5);
    assert_eq!(asks(&mut host, "pro", 130), 60);
    host.sleep_s(DAY_S);
    assert_eq!(asks(&mut host, "free", 9), 5);
}

#[test]
fn a_change_from_unlimited_starts_at_zero() {
    let mut host = gate();
    assert_eq!(asks(&mut host, "enterprise", 200), 200);
    assert_eq!(asks(&mut host, "pro", 130), 100);
}

#[test]
fn workers_of_a_process_share_their_counters() {
    let mut first = gate();
    let mut second = first.another_worker(&configuration(|_| {}), [2; 16]);
    assert_eq!(asks(&mut first, "free", 3), 3);
    assert_eq!(asks(&mut second, "free", 9), 2, "though it drew another seed");
    assert_eq!(first.shared.load(&seed_key()).value, Some(vec![1; 16]));
}

#[test]
fn if_two_workers_write_a_seed_the_slower_one_uses_the_others() {
    let mut slow = gate();
    let fast = Rc::new(RefCell::new(slow.another_worker(&configuration(|_| {}), [2; 16])));
    let faster = Rc::clone(&fast);
    let overtake = move || assert_eq!(asks(&mut faster.borrow_mut(), "free", 4), 4);
    slow.before_first_swap = Interruption(Some(Box::new(overtake)));
    assert_eq!(asks(&mut slow, "free", 1), 1);
    assert!(slow.before_first_swap.0.is_none(), "the slow one tried to write its seed");
    assert_eq!(asks(&mut fast.borrow_mut(), "free", 1) + asks(&mut slow, "free", 1), 0, "five in all");
}

#[test]
fn a_lost_swap_is_retried_and_nothing_is_counted_twice() {
    let mut host = gate();
    host.swaps_to_lose = 3;
    assert_eq!(asks(&mut host, "free", 9), 5);
    assert_eq!(host.count("counters.store_failed"), 0);
}

#[test]
fn a_request_that_cannot_be_counted_is_refused() {
    let mut host = gate();
    assert_eq!(asks(&mut host, "free", 1), 1);
    let free = token("free");
    let request = get("/ask", &[("authorization", &free)]);
    host.swaps_to_lose = SWAP_TRIES_MAX;
    let result = host.send(&request);
    assert_eq!((result.status(), result.code()), (503, "store_unavailable"));
    assert_eq!(result.field("retry-after"), Some("1"));
    assert_eq!(host.count("counters.store_failed"), 1);
    host.swaps_to_lose = SWAP_TRIES_MAX - 1;
    assert_eq!(host.send(&request).code(), "forwarded", "one try fewer");
}

#[test]
fn a_seed_overwritten_by_another_plugin_grants_no_quota() {
    let mut host = gate();
    assert!(host.shared.swap(&seed_key(), b"not a seed", Version::ABSENT));
    for _ in 0..2 {
        let result = host.send(&get("/ask", &[("authorization", &token("free"))]));
        assert_eq!((result.status(), result.code()), (503, "store_unavailable"));
    }
    assert_eq!(host.alarms("counters_unreadable").len(), 1, "once a minute");
    assert_eq!(host.send(&get("/account", &[("authorization", &token("free"))])).code(), "forwarded");
}

#[test]
fn overwritten_counters_are_counted_and_an_alarm_once_a_minute() {
    let mut host = gate();
    assert_eq!(asks(&mut host, "free", 1), 1);
    for (number, pause_s, lost_swaps, alarms) in [(1, 0, 3, 1), (2, 1, 0, 1), (3, 60, 0, 2)] {
        host.sleep_s(pause_s);
        for key in host.shared.keys().into_iter().filter(|key| !key.ends_with("/seed")) {
            let version = host.shared.load(&key).version;
            assert!(host.shared.swap(&key, b"junk", version));
        }
        host.swaps_to_lose = lost_swaps;
        assert_eq!(asks(&mut host, "free", 1), 1);
        assert_eq!(host.count("counters.store_failed"), number, "a lost swap has replaced nothing");
        assert_eq!(host.alarms("counters_unreadable").len(), alarms, "{number}");
    }
}
