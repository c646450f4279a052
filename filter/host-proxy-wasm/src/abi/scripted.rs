//! A host without Envoy, for native tests: it behaves like Envoy, fails where a test says so, or returns
//! anything.
//!
//! There is one host per thread, so tests are independent. Its list of events shows the calls.
#![cfg_attr(not(test), allow(dead_code, reason = "only tests read the calls and set the results"))]

use super::{BufferType, GrpcCall, LocalResponse, MapType, Status};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The state of the scripted host.
#[derive(Default)]
pub(crate) struct Host {
    /// Serialized header maps.
    pub(crate) maps: BTreeMap<MapType, Vec<u8>>,
    pub(crate) buffers: BTreeMap<BufferType, Vec<u8>>,
    pub(crate) time_ns: u64,
    /// Values by path, its parts joined by zeros.
    pub(crate) properties: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The result of `verify_signature`, if the function exists, and its last arguments.
    pub(crate) signature: Option<Result<Vec<u8>, Status>>,
    pub(crate) foreign_arguments: Vec<u8>,
    /// The clusters that exist.
    pub(crate) clusters: Vec<&'static str>,
    /// The status message of the gRPC callout that has just ended.
    pub(crate) grpc_status_message: Vec<u8>,
    /// Functions of the ABI, without `proxy_`, that fail with a status.
    pub(crate) refusals: BTreeMap<&'static str, Status>,
    /// If not empty: the results of all calls, in turn, repeated.
    pub(crate) anything: Vec<CallResult>,
    calls_made: usize,
    calls: Vec<&'static str>,
    shared: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    last_version: u32,
    last_token: u32,
    last_metric: u32,
    events: Vec<Event>,
}

/// A result of a call, which need not make sense.
#[derive(Clone, Debug)]
pub(crate) struct CallResult {
    pub(crate) status: u32,
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
}

/// A call that the host received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Logged(u32, String),
    Set(MapType, String, Vec<u8>),
    Added(MapType, String, Vec<u8>),
    Removed(MapType, String),
    Continued,
    Replied { status: u16, details: Vec<u8>, body: Vec<u8>, headers: Vec<u8>, grpc_status: i32 },
    HttpCalled { cluster: String, headers: Vec<u8>, body: Vec<u8>, timeout_ms: u32 },
    GrpcCalled { target: Vec<u8>, method: String, message: Vec<u8>, timeout_ms: u32 },
    ContextSet(u32),
    Defined(u32, String),
    Recorded(u32, u64),
    Incremented(u32, i64),
    TicksStarted { period_ms: u32 },
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Replaces the host by an empty one.
pub(crate) fn reset() {
    with(|host| *host = Host::default());
}

/// Reads or changes the host.
pub(crate) fn with<T>(act: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with_borrow_mut(act)
}

/// Returns the calls since this was last called.
pub(crate) fn events() -> Vec<Event> {
    with(|host| std::mem::take(&mut host.events))
}

/// Returns the functions of the ABI, without `proxy_`, that were called since this was last called, in order.
pub(crate) fn calls() -> Vec<&'static str> {
    with(|host| std::mem::take(&mut host.calls))
}

/// Calls one function: `behave`, unless the script overrules it with an entry of `anything`.
fn call<T>(
    function: &'static str,
    behave: impl FnOnce(&mut Host) -> Result<T, Status>,
    from_script: impl FnOnce(CallResult) -> T,
) -> Result<T, Status> {
    with(|host| {
        host.calls.push(function);
        if let Some(status) = host.refusals.get(function) {
            return Err(*status);
        }
        let turn = host.calls_made.checked_rem(host.anything.len()).unwrap_or_default();
        host.calls_made = host.calls_made.wrapping_add(1);
        match host.anything.get(turn).cloned() {
            Some(response) => Status(response.status).with(()).map(|()| from_script(response)),
            None => behave(host),
        }
    })
}

/// Makes a call that returns nothing. It is recorded even if it fails.
fn done(function: &'static str, event: Event) -> Status {
    with(|host| host.events.push(event));
    call(function, |_| Ok(()), |_| ()).err().unwrap_or(Status::OK)
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn next(last: &mut u32) -> u32 {
    *last = last.wrapping_add(1);
    *last
}

fn low_half(response: &CallResult) -> u32 {
    response.number as u32
}

pub(crate) fn log(level: u32, message: &[u8]) -> Status {
    let message = message.to_vec();
    let line = String::from_utf8(message).unwrap_or_default();
    done("log", Event::Logged(level, line))
}

pub(crate) fn current_time_nanoseconds() -> Result<u64, Status> {
    call("get_current_time_nanoseconds", |host| Ok(host.time_ns), |response| response.number)
}

pub(crate) fn buffer_bytes(buffer: BufferType, start: usize, max: usize) -> Result<Vec<u8>, Status> {
    let behave = |host: &mut Host| {
        let bytes = host.buffers.get(&buffer).ok_or(Status::NOT_FOUND)?;
        Ok(bytes.iter().skip(start).take(max).copied().collect())
    };
    call("get_buffer_bytes", behave, |response| response.bytes)
}

pub(crate) fn header_map_pairs(map: MapType) -> Result<Vec<u8>, Status> {
    let behave = |host: &mut Host| host.maps.get(&map).cloned().ok_or(Status::NOT_FOUND);
    call("get_header_map_pairs", behave, |response| response.bytes)
}

pub(crate) fn add_header_map_value(map: MapType, name: &[u8], value: &[u8]) -> Status {
    let event = Event::Added(map, text(name), value.to_vec());
    done("add_header_map_value", event)
}

pub(crate) fn replace_header_map_value(map: MapType, name: &[u8], value: &[u8]) -> Status {
    let event = Event::Set(map, text(name), value.to_vec());
    done("replace_header_map_value", event)
}

pub(crate) fn remove_header_map_value(map: MapType, name: &[u8]) -> Status {
    let event = Event::Removed(map, text(name));
    done("remove_header_map_value", event)
}

pub(crate) fn property(path: &[u8]) -> Result<Vec<u8>, Status> {
    let behave = |host: &mut Host| host.properties.get(path).cloned().ok_or(Status::NOT_FOUND);
    call("get_property", behave, |response| response.bytes)
}

pub(crate) fn set_property(path: &[u8], value: &[u8]) -> Status {
    let behave = |host: &mut Host| {
        host.properties.insert(path.to_vec(), value.to_vec());
        Ok(())
    };
    call("set_property", behave, |_| ()).err().unwrap_or(Status::OK)
}

pub(crate) fn shared_data(key: &[u8]) -> Result<(Vec<u8>, u32), Status> {
    let behave = |host: &mut Host| host.shared.get(key).cloned().ok_or(Status::NOT_FOUND);
    call("get_shared_data", behave, |response| {
        let version = low_half(&response);
        (response.bytes, version)
    })
}

/// Behaves as Envoy does: the version is compared only if there is a value, and 0 overwrites any value.
pub(crate) fn set_shared_data(key: &[u8], value: &[u8], version: u32) -> Status {
    let behave = |host: &mut Host| {
        if host.shared.get(key).is_some_and(|(_, present)| version != 0 && version != *present) {
            return Err(Status::CAS_MISMATCH);
        }
        let version = next(&mut host.last_version);
        host.shared.insert(key.to_vec(), (value.to_vec(), version));
        Ok(())
    };
    call("set_shared_data", behave, |_| ()).err().unwrap_or(Status::OK)
}

pub(crate) fn continue_request() -> Status {
    done("continue_stream", Event::Continued)
}

pub(crate) fn send_local_response(response: &LocalResponse<'_>) -> Status {
    let event = Event::Replied {
        status: response.status,
        details: response.details.to_vec(),
        body: response.body.to_vec(),
        headers: response.headers.to_vec(),
        grpc_status: response.grpc_status,
    };
    done("send_local_response", event)
}

fn start(host: &mut Host, cluster: &[u8], unknown: Status, event: Event) -> Result<u32, Status> {
    if !host.clusters.iter().any(|known| known.as_bytes() == cluster) {
        return Err(unknown);
    }
    host.events.push(event);
    Ok(next(&mut host.last_token))
}

pub(crate) fn http_call(cluster: &[u8], headers: &[u8], body: &[u8], timeout_ms: u32) -> Result<u32, Status> {
    let (headers, body) = (headers.to_vec(), body.to_vec());
    let event = Event::HttpCalled { cluster: text(cluster), headers, body, timeout_ms };
    call(
        "http_call",
        |host| start(host, cluster, Status::BAD_ARGUMENT, event),
        |response| low_half(&response),
    )
}

pub(crate) fn grpc_call(callout: &GrpcCall<'_>) -> Result<u32, Status> {
    let event = Event::GrpcCalled {
        target: callout.target.to_vec(),
        method: format!("{}/{}", text(callout.service), text(callout.method)),
        message: callout.message.to_vec(),
        timeout_ms: callout.timeout_ms,
    };
    // The name follows the two tags and lengths of `GrpcService.envoy_grpc.cluster_name`.
    let cluster = callout.target.get(4..).unwrap_or_default();
    let behave = |host: &mut Host| start(host, cluster, Status::INTERNAL_FAILURE, event);
    call("grpc_call", behave, |response| low_half(&response))
}

pub(crate) fn grpc_status_message() -> Result<Vec<u8>, Status> {
    call("get_status", |host| Ok(host.grpc_status_message.clone()), |response| response.bytes)
}

pub(crate) fn set_effective_context(context_id: u32) -> Status {
    done("set_effective_context", Event::ContextSet(context_id))
}

pub(crate) fn call_foreign_function(_name: &[u8], arguments: &[u8]) -> Result<Vec<u8>, Status> {
    let behave = |host: &mut Host| {
        host.foreign_arguments = arguments.to_vec();
        host.signature.clone().unwrap_or(Err(Status::NOT_FOUND))
    };
    call("call_foreign_function", behave, |response| response.bytes)
}

pub(crate) fn define_metric(kind: u32, name: &[u8]) -> Result<u32, Status> {
    let event = Event::Defined(kind, text(name));
    let behave = |host: &mut Host| {
        host.events.push(event);
        Ok(next(&mut host.last_metric))
    };
    call("define_metric", behave, |response| low_half(&response))
}

pub(crate) fn record_metric(id: u32, value: u64) -> Status {
    done("record_metric", Event::Recorded(id, value))
}

pub(crate) fn increment_metric(id: u32, offset: i64) -> Status {
    done("increment_metric", Event::Incremented(id, offset))
}

pub(crate) fn set_tick_period(period_ms: u32) -> Status {
    done("set_tick_period_milliseconds", Event::TicksStarted { period_ms })
}

pub(crate) fn random_bytes() -> Result<[u8; 16], Status> {
    call("random_get", |_| Ok([7; 16]), |response| u128::from(response.number).to_le_bytes())
}
