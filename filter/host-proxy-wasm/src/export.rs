//! The symbols that Envoy calls in a module: only those that a filter uses, since each costs an entry into
//! the VM per request.

use crate::callbacks::Callbacks;
use std::cell::RefCell;
use std::thread::LocalKey;
use tollgate_driver::{Filter, Flow};

/// The cell with the [`Callbacks`] of a module.
pub type Cell<F> = LocalKey<RefCell<Callbacks<F>>>;

/// Runs a callback. Returns `refused` if another one is still running, which Envoy does not do.
pub fn enter<F: Filter, T: Copy>(
    cell: &'static Cell<F>,
    refused: T,
    callback: impl FnOnce(&mut Callbacks<F>) -> T,
) -> T {
    let run = |cell: &RefCell<Callbacks<F>>| match cell.try_borrow_mut() {
        Ok(mut callbacks) => callback(&mut callbacks),
        Err(_) => refused,
    };
    cell.try_with(run).unwrap_or(refused)
}

/// Returns how a filter holds header fields: with 1, `StopIteration`, Envoy continues with the body
/// callbacks; a filter that does not read bodies uses 4, `StopAllIterationAndWatermark`, so that a body
/// cannot carry a held request past it.
pub const fn held_headers<F: Filter>() -> u32 {
    if F::READS_BODY { 1 } else { 4 }
}

/// Returns the result of a callback for header fields: `held` if the request is held.
pub fn headers_flow(flow: Flow, held: u32) -> u32 {
    match flow {
        Flow::Continue => 0,
        Flow::Pause => held,
    }
}

/// Returns the result of a callback for a body or for trailers: 1 holds and buffers them.
pub fn data_flow(flow: Flow) -> u32 {
    match flow {
        Flow::Continue => 0,
        Flow::Pause => 1,
    }
}

/// Exports a [`Filter`] from a `cdylib`: the symbols that every module needs, and the named callbacks.
///
/// ```
/// use tollgate_core::http::Forward;
/// use tollgate_core::report::{MetricDefinition, Metrics};
/// use tollgate_core::time::Micros;
/// use tollgate_core::{Action, Input, Machine, Step};
/// use tollgate_host_proxy_wasm::{Filter, Setup};
///
/// struct LetThrough;
/// struct Worker;
/// struct Request;
///
/// impl Metrics for Worker {
///     fn metrics(&self) -> Vec<MetricDefinition> {
///         Vec::new()
///     }
/// }
///
/// impl Machine for Request {
///     type Worker = Worker;
///     fn handle(&mut self, _: &mut Worker, _: Micros, _: Input<'_>) -> Step {
///         Action::Forward(Forward::default()).into()
///     }
/// }
///
/// impl Filter for LetThrough {
///     type Worker = Worker;
///     type Request = Request;
///     const READS_BODY: bool = false;
///     fn configure(_: Setup<'_>) -> Result<Worker, String> {
///         Ok(Worker)
///     }
///     fn request(_: &Worker) -> Request {
///         Request
///     }
/// }
///
/// tollgate_host_proxy_wasm::export_filter!(LetThrough; request_headers, response_headers);
/// ```
///
/// The callbacks are `request_headers`, `request_body`, `request_trailers`, `response_headers`, `http_call`
/// and `grpc_call`. A filter that [reads bodies](Filter::READS_BODY) names `request_body`, and needs
/// `allow_on_headers_stop_iteration: true` in its PluginConfig; otherwise a held request never gets its body.
/// Any other filter holds the whole request in either case.
///
/// On other targets than wasm32 it only checks the types.
#[macro_export]
macro_rules! export_filter {
    ($filter:ty; $($callback:ident),+ $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the name of an exported function must be the only one of its kind")]
        const _: () = {
            ::std::thread_local! {
                static CALLBACKS: ::std::cell::RefCell<$crate::Callbacks<$filter>> =
                    const { ::std::cell::RefCell::new($crate::Callbacks::new()) };
            }
            const HELD_HEADERS: u32 = $crate::export::held_headers::<$filter>();

            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_context_create(context_id: u32, parent_id: u32) {
                $crate::export::enter(&CALLBACKS, (), |callbacks| callbacks.context_create(context_id, parent_id));
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_vm_start(_context_id: u32, _configuration_size: usize) -> u32 {
                1
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_configure(context_id: u32, document_size: usize) -> u32 {
                let configure = |callbacks: &mut $crate::Callbacks<$filter>| {
                    callbacks.configure(context_id, document_size)
                };
                u32::from($crate::export::enter(&CALLBACKS, false, configure))
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_tick(context_id: u32) {
                $crate::export::enter(&CALLBACKS, (), |callbacks| callbacks.tick(context_id));
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_delete(context_id: u32) {
                $crate::export::enter(&CALLBACKS, (), |callbacks| callbacks.delete(context_id));
            }
            $($crate::__export_callback!($callback);)+
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            const fn is_filter<F: $crate::Filter>() {}
            is_filter::<$filter>();
            $($crate::__known_callback!($callback);)+
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __known_callback {
    (request_headers) => {};
    (request_body) => {};
    (request_trailers) => {};
    (response_headers) => {};
    (http_call) => {};
    (grpc_call) => {};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_callback {
    (request_headers) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_request_headers(context_id: u32, _fields: usize, end_of_stream: u32) -> u32 {
            let flow = $crate::export::enter(&CALLBACKS, $crate::Flow::Pause, |callbacks| {
                callbacks.request_headers(context_id, end_of_stream != 0)
            });
            $crate::export::headers_flow(flow, HELD_HEADERS)
        }
    };
    (request_body) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_request_body(context_id: u32, size: usize, end_of_stream: u32) -> u32 {
            $crate::export::data_flow($crate::export::enter(&CALLBACKS, $crate::Flow::Pause, |callbacks| {
                callbacks.request_body(context_id, size, end_of_stream != 0)
            }))
        }
    };
    (request_trailers) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_request_trailers(context_id: u32, _fields: usize) -> u32 {
            $crate::export::data_flow($crate::export::enter(&CALLBACKS, $crate::Flow::Pause, |callbacks| {
                callbacks.request_trailers(context_id)
            }))
        }
    };
    (response_headers) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_response_headers(context_id: u32, _fields: usize, _end_of_stream: u32) -> u32 {
            $crate::export::enter(&CALLBACKS, (), |callbacks| callbacks.response_headers(context_id));
            0
        }
    };
    (http_call) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_http_call_response(
            _root_id: u32,
            token: u32,
            fields: usize,
            body_size: usize,
            _trailers: usize,
        ) {
            $crate::export::enter(&CALLBACKS, (), |callbacks| {
                callbacks.http_call_response(token, fields, body_size)
            });
        }
    };
    (grpc_call) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_grpc_receive(_root_id: u32, token: u32, size: usize) {
            $crate::export::enter(&CALLBACKS, (), |callbacks| callbacks.grpc_receive(token, size));
        }
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_grpc_close(_root_id: u32, token: u32, grpc_status: u32) {
            $crate::export::enter(&CALLBACKS, (), |callbacks| callbacks.grpc_close(token, grpc_status));
        }
    };
}
