//! Any results of the host, and callbacks in any order: nothing panics, and no request passes unless the
//! rules let it pass.

use super::script::{self, Scripted, call, call_grpc, inquire, reply};
use super::*;
use crate::abi::scripted::CallResult as HostCallResult;
use proptest::collection::vec;
use proptest::prelude::*;

/// A callback of the host.
#[derive(Clone, Debug)]
enum Callback {
    Create(u32, u32),
    Configure(u32, usize),
    Headers(u32, bool),
    Body(u32, usize, bool),
    Trailers(u32),
    Response(u32),
    HttpCall(u32, usize, usize),
    GrpcReceive(u32, usize),
    GrpcClose(u32, u32),
    Delete(u32),
}

fn callback() -> impl Strategy<Value = Callback> {
    let id = || 0..4u32;
    let size = || prop_oneof![0..40usize, Just(usize::MAX)];
    prop_oneof![
        (id(), id()).prop_map(|(context, parent)| Callback::Create(context, parent)),
        (id(), size()).prop_map(|(context, size)| Callback::Configure(context, size)),
        (id(), any::<bool>()).prop_map(|(context, end)| Callback::Headers(context, end)),
        (id(), size(), any::<bool>()).prop_map(|(context, size, end)| Callback::Body(context, size, end)),
        id().prop_map(Callback::Trailers),
        id().prop_map(Callback::Response),
        (id(), 0..2usize, size()).prop_map(|(token, fields, size)| Callback::HttpCall(token, fields, size)),
        (id(), size()).prop_map(|(token, size)| Callback::GrpcReceive(token, size)),
        (id(), any::<u32>()).prop_map(|(token, status)| Callback::GrpcClose(token, status)),
        id().prop_map(Callback::Delete),
    ]
}

fn host_call_result() -> impl Strategy<Value = HostCallResult> {
    let status = prop_oneof![4 => Just(0u32), 1 => 0..13u32, 1 => any::<u32>()];
    let number = prop_oneof![0..4u64, any::<u64>()];
    let map = vec(("[:a-z]{0,8}", "[0-9]{0,4}"), 0..4).prop_map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        headers::serialize(&fields)
    });
    let bytes = prop_oneof![vec(any::<u8>(), 0..40), vec(0..5u8, 0..40), map, Just(Vec::new())];
    (status, number, bytes).prop_map(|(status, number, bytes)| HostCallResult { status, number, bytes })
}

fn action(number: u8) -> Action {
    match number {
        0 => forward(),
        1 => reply(403),
        2 => call(&[(1, "c"), (2, "c")]),
        3 => call_grpc(3, "c"),
        4 => Action::Load { key: "k".to_owned() },
        5 => Action::Swap { key: "k".to_owned(), value: vec![], version: Version(1) },
        6 => Action::Verify { public_key: vec![], signature: vec![], text: vec![] },
        7 => Action::ReadProperty { path: &["source", "address"] },
        8 => inquire(1, "c"),
        9 => Action::AwaitInquiry(InquiryId(1)),
        _ => Action::Wait,
    }
}

/// Runs a callback. Returns whether it let a request continue.
fn run(dispatch: &mut Callbacks<Scripted>, callback: &Callback) -> bool {
    let flow = match *callback {
        Callback::Create(context, parent) => {
            dispatch.context_create(context, parent);
            Flow::Pause
        }
        Callback::Configure(context, size) => {
            dispatch.configure(context, size);
            Flow::Pause
        }
        Callback::Headers(context, end) => dispatch.request_headers(context, end),
        Callback::Body(context, size, end) => dispatch.request_body(context, size, end),
        Callback::Trailers(context) => dispatch.request_trailers(context),
        Callback::Response(context) => {
            dispatch.response_headers(context);
            Flow::Pause
        }
        Callback::HttpCall(token, fields, size) => {
            dispatch.http_call_response(token, fields, size);
            Flow::Pause
        }
        Callback::GrpcReceive(token, size) => {
            dispatch.grpc_receive(token, size);
            Flow::Pause
        }
        Callback::GrpcClose(token, status) => {
            dispatch.grpc_close(token, status);
            Flow::Pause
        }
        Callback::Delete(context) => {
            dispatch.delete(context);
            Flow::Pause
        }
    };
    flow == Flow::Continue
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_host_causes_a_panic(
        callbacks in vec(callback(), 0..40),
        actions in vec(0..14u8, 0..40),
        results in vec(host_call_result(), 1..20),
    ) {
        let mut dispatch = dispatch();
        script::then(actions.iter().map(|number| action(*number)));
        scripted::with(|host| host.anything = results);
        for callback in &callbacks {
            run(&mut dispatch, callback);
        }
    }

    #[test]
    fn no_host_lets_a_request_continue_unless_the_rules_do(
        callbacks in vec(callback(), 0..40),
        actions in vec(1..12u8, 0..40),
        results in vec(host_call_result(), 1..20),
    ) {
        let mut dispatch = dispatch();
        script::then(actions.iter().map(|number| action(*number)));
        scripted::with(|host| host.anything = results);
        for callback in &callbacks {
            prop_assert!(!run(&mut dispatch, callback), "{callback:?}");
        }
        prop_assert!(!scripted::events().contains(&Event::Continued));
    }
}
