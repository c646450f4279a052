//! Whole requests against the scripted host: the inputs of a machine, and the calls to Envoy.

mod anything;
mod cost;
mod held;
mod script;

use super::*;
use crate::abi::scripted::{self, Event};
use crate::abi::{MapType, Status};
use crate::headers;
use script::{Scripted, call, inputs, inquire, reply, then};
use tollgate_core::InquiryId;
use tollgate_core::http::Forward;
use tollgate_core::machine::{Action, Version};
use tollgate_driver::STEPS_MAX;

const ROOT: u32 = 1;
const REQUEST: u32 = 2;

/// Returns a configured filter and a request with one header field.
fn dispatch() -> Callbacks<Scripted> {
    scripted::reset();
    script::reset();
    scripted::with(|host| {
        host.maps.insert(MapType::REQUEST_HEADERS, headers::serialize(&[(":path", "/")]));
        host.maps.insert(MapType::REQUEST_TRAILERS, Vec::new());
        host.maps.insert(MapType::CALL_RESPONSE_HEADERS, headers::serialize(&[(":status", "200")]));
        host.clusters = vec!["c"];
    });
    let mut dispatch = Callbacks::new();
    dispatch.context_create(ROOT, 0);
    assert!(dispatch.configure(ROOT, 0));
    dispatch.context_create(REQUEST, ROOT);
    dispatch
}

fn forward() -> Action {
    Action::Forward(Forward {
        remove: vec![b"x_old".to_vec()],
        add: vec![("x-new", b"\xff".to_vec())],
        respond_with: vec![("x-left", "3".to_owned())],
        ..Forward::default()
    })
}

/// Returns the calls to Envoy when a request is forwarded like that.
fn forwarded() -> Vec<Event> {
    vec![
        Event::Removed(MapType::REQUEST_HEADERS, "x_old".to_owned()),
        Event::Added(MapType::REQUEST_HEADERS, "x-new".to_owned(), b"\xff".to_vec()),
    ]
}

fn status_replied(events: &[Event]) -> Option<u16> {
    events.iter().find_map(|event| match event {
        Event::Replied { status, .. } => Some(*status),
        _ => None,
    })
}

#[test]
fn a_request_decided_at_once_continues_and_its_response_gets_fields() {
    let mut dispatch = dispatch();
    then([forward()]);
    assert_eq!(dispatch.request_headers(REQUEST, false), Flow::Continue);
    assert_eq!(scripted::events(), forwarded());
    assert_eq!(dispatch.request_body(REQUEST, 10, true), Flow::Continue);
    dispatch.response_headers(REQUEST);
    let set = Event::Set(MapType::RESPONSE_HEADERS, "x-left".to_owned(), b"3".to_vec());
    assert_eq!(scripted::events(), [set]);
    assert_eq!(
        inputs(),
        ["head [\":path\"] end=false"],
        "the machine of a forwarded request gets no more input"
    );
}

#[test]
fn a_machine_gets_the_status_of_the_response_once_if_requested() {
    let mut dispatch = dispatch();
    let forward = Forward { needs_response_status: true, ..Forward::default() };
    let load = Action::Load { key: "k".to_owned() };
    then([Action::Forward(forward), load, reply(500)]);
    assert_eq!(dispatch.request_headers(REQUEST, true), Flow::Continue);
    let response = headers::serialize(&[(":status", "202")]);
    scripted::with(|host| host.maps.insert(MapType::RESPONSE_HEADERS, response));
    dispatch.response_headers(REQUEST);
    dispatch.response_headers(REQUEST);
    assert_eq!(inputs()[1..], ["responded 202", "loaded None 0"]);
    assert_eq!(scripted::events(), [], "there is no second decision");
}

#[test]
fn a_reply_stops_everything() {
    let mut dispatch = dispatch();
    then([reply(403), forward()]);
    assert_eq!(dispatch.request_headers(REQUEST, false), Flow::Pause);
    assert_eq!(dispatch.request_body(REQUEST, 10, true), Flow::Pause);
    assert_eq!(dispatch.request_trailers(REQUEST), Flow::Pause);
    dispatch.response_headers(REQUEST);
    let events = scripted::events();
    assert!(matches!(events[..], [Event::Replied { status: 403, .. }]), "{events:?}");
    assert_eq!(inputs().len(), 1);
}

#[test]
fn a_held_request_with_a_response_of_the_host_gets_no_other() {
    let mut dispatch = dispatch();
    then([Action::Wait, reply(403)]);
    assert_eq!(dispatch.request_headers(REQUEST, false), Flow::Pause);
    // The body was larger than the host's buffer, say.
    dispatch.response_headers(REQUEST);
    assert_eq!(dispatch.request_body(REQUEST, 10, true), Flow::Pause);
    assert_eq!(scripted::events(), []);
    assert_eq!(inputs().len(), 1);
}

#[test]
fn a_body_is_passed_when_complete_and_its_size_before_that() {
    let mut dispatch = dispatch();
    scripted::with(|host| host.buffers.insert(BufferType::REQUEST_BODY, b"abcde".to_vec()));
    then([Action::Wait, Action::Wait, Action::Wait, forward()]);
    assert_eq!(dispatch.request_headers(REQUEST, false), Flow::Pause);
    assert_eq!(dispatch.request_body(REQUEST, 3, false), Flow::Pause);
    assert_eq!(scripted::events(), [], "nothing is forwarded before the decision");
    assert_eq!(dispatch.request_body(REQUEST, 5, true), Flow::Continue);
    assert_eq!(scripted::events(), forwarded());
    assert_eq!(inputs(), ["head [\":path\"] end=false", "grew 3", "grew 5", "body abcde"]);
}

#[test]
fn trailers_complete_a_body() {
    let mut dispatch = dispatch();
    scripted::with(|host| host.buffers.insert(BufferType::REQUEST_BODY, b"abc".to_vec()));
    then([Action::Wait, Action::Wait, reply(400)]);
    dispatch.request_headers(REQUEST, false);
    dispatch.request_body(REQUEST, 3, false);
    assert_eq!(dispatch.request_trailers(REQUEST), Flow::Pause);
    assert_eq!(inputs()[1..], ["grew 3", "body abc"]);
    assert_eq!(status_replied(&scripted::events()), Some(400));
}

#[test]
fn a_body_that_is_too_large_is_never_copied() {
    let mut dispatch = dispatch();
    scripted::with(|host| host.refusals.insert("get_buffer_bytes", Status(10)));
    then([Action::Wait, reply(413)]);
    dispatch.request_headers(REQUEST, false);
    assert_eq!(dispatch.request_body(REQUEST, usize::MAX, true), Flow::Pause);
    assert_eq!(inputs()[1..], [format!("grew {}", usize::MAX)]);
    assert_eq!(status_replied(&scripted::events()), Some(413));
}

#[test]
fn trailers_that_the_filter_removes_are_removed_at_any_time() {
    let trailers = headers::serialize(&[("x-keep", "1"), ("x-foreign", "1")]);
    let removed = Event::Removed(MapType::REQUEST_TRAILERS, "x-foreign".to_owned());
    for first in [forward(), Action::Wait] {
        let mut dispatch = dispatch();
        scripted::with(|host| host.maps.insert(MapType::REQUEST_TRAILERS, trailers.clone()));
        then([first]);
        dispatch.request_headers(REQUEST, false);
        dispatch.request_trailers(REQUEST);
        let events = scripted::events();
        let ours =
            events.iter().filter(|event| matches!(event, Event::Removed(MapType::REQUEST_TRAILERS, _)));
        assert_eq!(ours.collect::<Vec<_>>(), [&removed]);
    }
}

#[test]
fn a_held_request_continues_when_its_callout_ends() {
    let mut dispatch = dispatch();
    scripted::with(|host| host.buffers.insert(BufferType::CALL_RESPONSE_BODY, b"{}".to_vec()));
    then([call(&[(7, "c")]), forward()]);
    assert_eq!(dispatch.request_headers(REQUEST, true), Flow::Pause);
    assert!(matches!(scripted::events()[..], [Event::HttpCalled { .. }]));
    dispatch.http_call_response(99, 1, 2);
    assert_eq!(inputs().len(), 1, "no callout has that token");
    dispatch.http_call_response(1, 1, 2);
    assert_eq!(inputs()[1..], ["callout_ended 7 200 {}"]);
    let mut want = vec![Event::ContextSet(REQUEST)];
    want.extend(forwarded());
    want.push(Event::Continued);
    assert_eq!(scripted::events(), want);
    dispatch.http_call_response(1, 1, 2);
    assert_eq!(inputs().len(), 2, "a response counts once");
}

#[test]
fn callouts_that_cannot_start_are_reported_one_by_one() {
    let mut dispatch = dispatch();
    let load = || Action::Load { key: "k".to_owned() };
    then([call(&[(1, "unknown"), (2, "c"), (3, "unknown")]), load(), Action::Wait, Action::Wait, reply(200)]);
    dispatch.request_headers(REQUEST, true);
    let want = ["callout_ended 1 ClusterUnknown", "loaded None 0", "callout_ended 3 ClusterUnknown"];
    assert_eq!(inputs()[1..], want, "a requested value comes before the next outcome");
    dispatch.http_call_response(1, 0, 0);
    assert_eq!(inputs()[4..], ["callout_ended 2 Reset"]);
}

#[test]
fn a_grpc_callout_has_one_outcome() {
    for first in ["message", "close"] {
        let mut dispatch = dispatch();
        scripted::with(|host| host.buffers.insert(BufferType::GRPC_MESSAGE, b"m".to_vec()));
        then([script::call_grpc(4, "c")]);
        dispatch.request_headers(REQUEST, true);
        dispatch.http_call_response(1, 1, 0);
        assert_eq!(inputs().len(), 1, "tokens of HTTP and of gRPC are separate");
        match first {
            "message" => dispatch.grpc_receive(1, 1),
            _ => dispatch.grpc_close(1, 8),
        }
        dispatch.grpc_close(1, 0);
        dispatch.grpc_receive(1, 1);
        let want = if first == "message" { "callout_ended 4 message m" } else { "callout_ended 4 Failed 8" };
        assert_eq!(inputs()[1..], [want]);
    }
}

#[test]
fn a_response_for_a_request_that_has_ended_is_dropped() {
    let mut gone = dispatch();
    then([call(&[(1, "c")]), forward()]);
    gone.request_headers(REQUEST, true);
    gone.delete(REQUEST);
    gone.http_call_response(1, 1, 0);
    assert_eq!(inputs().len(), 1, "Envoy reported its end");

    let mut unknown = dispatch();
    then([call(&[(1, "c")]), forward()]);
    unknown.request_headers(REQUEST, true);
    scripted::with(|host| host.refusals.insert("set_effective_context", Status::BAD_ARGUMENT));
    unknown.http_call_response(1, 1, 0);
    assert_eq!(inputs().len(), 1, "Envoy does not have the context");

    let mut decided = dispatch();
    then([call(&[(1, "c"), (2, "c")]), reply(403), forward()]);
    decided.request_headers(REQUEST, true);
    decided.http_call_response(1, 1, 0);
    scripted::events();
    decided.http_call_response(2, 1, 0);
    assert_eq!((inputs().len(), scripted::events()), (2, vec![]), "it is decided");
}

#[test]
fn an_inquiry_belongs_to_the_filter_and_holds_requests_that_await_it() {
    let mut dispatch = dispatch();
    dispatch.context_create(3, ROOT);
    let wait = || Action::AwaitInquiry(InquiryId(5));
    then([inquire(5, "c"), wait(), wait(), forward(), reply(403)]);
    assert_eq!(dispatch.request_headers(REQUEST, true), Flow::Pause);
    assert_eq!(dispatch.request_headers(3, true), Flow::Pause);
    let events = scripted::events();
    let [entered, Event::HttpCalled { .. }, left] = &events[..] else { panic!("{events:?}") };
    assert_eq!((entered, left), (&Event::ContextSet(ROOT), &Event::ContextSet(REQUEST)));
    dispatch.http_call_response(1, 1, 0);
    assert_eq!(
        inputs()[1..],
        [
            "inquiry_started",
            r#"head [":path"] end=true"#,
            "end_inquiry 5 200 ",
            "inquiry_ended",
            "inquiry_ended"
        ]
    );
    let events = scripted::events();
    assert_eq!(events.first(), Some(&Event::ContextSet(REQUEST)));
    assert!(events.contains(&Event::Continued) && events.contains(&Event::ContextSet(3)));
    assert_eq!(status_replied(&events), Some(403));
    dispatch.http_call_response(1, 1, 0);
    assert_eq!(inputs().len(), 6, "the inquiry ends once");
}

#[test]
fn an_inquiry_ends_even_if_no_request_waits_for_it() {
    let mut dispatch = dispatch();
    then([inquire(5, "c"), Action::AwaitInquiry(InquiryId(5))]);
    dispatch.request_headers(REQUEST, true);
    dispatch.delete(REQUEST);
    dispatch.http_call_response(1, 0, 0);
    assert_eq!(inputs()[2..], ["end_inquiry 5 Reset"]);
}

#[test]
fn an_inquiry_without_a_waiting_request_holds_no_request() {
    let mut dispatch = dispatch();
    then([inquire(5, "c"), forward()]);
    assert_eq!(dispatch.request_headers(REQUEST, true), Flow::Continue);
    dispatch.http_call_response(1, 1, 0);
    assert_eq!(inputs()[1..], ["inquiry_started", "end_inquiry 5 200 "]);
}

#[test]
fn an_inquiry_that_cannot_start_or_has_ended_is_not_awaited() {
    let mut dispatch = dispatch();
    then([
        inquire(5, "unknown"),
        Action::AwaitInquiry(InquiryId(5)),
        Action::AwaitInquiry(InquiryId(9)),
        forward(),
    ]);
    assert_eq!(dispatch.request_headers(REQUEST, true), Flow::Continue);
    assert_eq!(
        inputs()[1..],
        ["end_inquiry 5 ClusterUnknown", "inquiry_started", "inquiry_ended", "inquiry_ended"]
    );
}

#[test]
fn shared_values_are_read_and_written_at_once() {
    let mut dispatch = dispatch();
    let load = || Action::Load { key: "k".to_owned() };
    let swap = |version| Action::Swap { key: "k".to_owned(), value: b"v".to_vec(), version };
    then([load(), swap(Version::ABSENT), load(), swap(Version(9)), forward()]);
    assert_eq!(dispatch.request_headers(REQUEST, true), Flow::Continue);
    assert_eq!(inputs()[1..], ["loaded None 0", "swapped true", "loaded v 1", "swapped false"]);
}

#[test]
fn a_request_is_refused_if_a_host_call_fails() {
    let cases = [
        ("no clock", "get_current_time_nanoseconds"),
        ("no header fields", "get_header_map_pairs"),
        ("a forged header field stays", "remove_header_map_value"),
        ("a header field is not set", "replace_header_map_value"),
        ("no body", "get_buffer_bytes"),
    ];
    for (why, function) in cases {
        let mut dispatch = dispatch();
        scripted::with(|host| host.refusals.insert(function, Status(4_000_000_000)));
        then([Action::Wait, Action::Wait, forward()]);
        dispatch.request_headers(REQUEST, false);
        assert_eq!(dispatch.request_body(REQUEST, 3, true), Flow::Pause, "{why}");
        assert_eq!(status_replied(&scripted::events()), Some(500), "{why}");
    }
}

#[test]
fn trailers_that_cannot_be_read_stop_a_request_once() {
    for first in [forward(), Action::Wait, reply(403)] {
        let mut dispatch = dispatch();
        scripted::with(|host| host.maps.remove(&MapType::REQUEST_TRAILERS));
        then([first]);
        dispatch.request_headers(REQUEST, false);
        assert_eq!(dispatch.request_trailers(REQUEST), Flow::Pause);
        assert_eq!(dispatch.request_trailers(REQUEST), Flow::Pause);
        let events = scripted::events();
        assert_eq!(events.iter().filter(|event| matches!(event, Event::Replied { .. })).count(), 1);
    }
}

#[test]
fn a_machine_that_never_decides_is_stopped() {
    let mut dispatch = dispatch();
    let load = || Action::Load { key: "k".to_owned() };
    then((0..STEPS_MAX).map(|_| load()).chain([forward()]));
    assert_eq!(dispatch.request_headers(REQUEST, true), Flow::Pause);
    assert_eq!(status_replied(&scripted::events()), Some(500));

    let mut last = self::dispatch();
    then((1..STEPS_MAX).map(|_| load()).chain([forward()]));
    assert_eq!(last.request_headers(REQUEST, true), Flow::Continue, "one step less is allowed");
}

#[test]
fn a_request_of_an_unconfigured_filter_is_refused() {
    let mut dispatch = dispatch();
    assert_eq!(dispatch.request_headers(77, true), Flow::Pause, "never created");
    dispatch.context_create(78, 55);
    assert_eq!(dispatch.request_headers(78, true), Flow::Pause, "of a filter that was never configured");
    dispatch.delete(ROOT);
    assert_eq!(dispatch.request_headers(REQUEST, true), Flow::Pause, "of a filter that has ended");
    let replies: Vec<_> =
        scripted::events().into_iter().filter(|event| matches!(event, Event::Replied { .. })).collect();
    assert_eq!(replies.len(), 3);
    dispatch.delete(99);
}

#[test]
fn each_filter_of_a_vm_has_its_own_worker() {
    let mut dispatch = dispatch();
    scripted::with(|host| host.buffers.insert(BufferType::PLUGIN_CONFIGURATION, b"second".to_vec()));
    dispatch.context_create(10, 0);
    assert!(dispatch.configure(10, 6));
    dispatch.context_create(11, 10);
    then([forward(), forward()]);
    dispatch.request_headers(11, true);
    dispatch.request_headers(REQUEST, true);
    assert_eq!(script::workers(), ["second", ""]);
}

#[test]
fn a_wrong_configuration_is_rejected_and_the_reason_is_logged() {
    let mut dispatch = dispatch();
    scripted::with(|host| host.buffers.insert(BufferType::PLUGIN_CONFIGURATION, b"wrong".to_vec()));
    assert!(!dispatch.configure(10, 5));
    assert_eq!(scripted::events(), [Event::Logged(4, "rejected by the test".to_owned())]);
    assert!(!dispatch.configure(10, 6), "a configuration that is shorter than announced");
    scripted::with(|host| host.refusals.insert("random_get", Status(28)));
    assert!(!dispatch.configure(10, 0), "no randomness");
}

#[test]
fn bytes_are_kept_for_a_request_that_ends_without_a_response() {
    let cases = [
        ("forwarded, and no response: Envoy may follow a redirect", forward(), false, true),
        ("a response", forward(), true, false),
        ("a reply of the gateway", reply(403), false, false),
        ("still held", Action::Wait, false, false),
    ];
    for (why, action, responds, kept) in cases {
        let mut dispatch = dispatch();
        let declared = scripted::with(|host| host.foreign_arguments.clone());
        assert_eq!(declared, b"\x0a\x0dtollgate_kept\x28\x01", "for the whole request");
        then([action]);
        dispatch.request_headers(REQUEST, true);
        if responds {
            dispatch.response_headers(REQUEST);
        }
        dispatch.delete(REQUEST);
        let property = scripted::with(|host| host.properties.get(&b"tollgate_kept"[..]).cloned());
        assert_eq!(property.as_deref(), kept.then_some(&b"left"[..]), "{why}");
    }
}
