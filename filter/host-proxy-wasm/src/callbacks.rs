//! Envoy's callbacks with their arguments, for a [`Dispatch`].

use crate::abi::BufferType;
use crate::callout::{CalloutToken, read_grpc_close, read_grpc_message, read_http};
use crate::{ProxyWasm, body, property};
use tollgate_core::machine::KEPT_PROPERTY;
use tollgate_driver::{CalloutResult, Dispatch, Filter, Flow};

/// The filters and requests of one VM, with one method for each callback of the ABI.
pub struct Callbacks<F: Filter>(Dispatch<F, ProxyWasm>);

impl<F: Filter> Callbacks<F> {
    /// Returns the callbacks of a new VM.
    #[allow(clippy::new_without_default, reason = "it initializes a static, where only a const fn will do")]
    pub const fn new() -> Self {
        Callbacks(Dispatch::new())
    }

    /// Handles a new context: a filter's, which has no parent, or a request's, whose parent is the filter's.
    pub fn context_create(&mut self, context_id: u32, parent_id: u32) {
        self.0.begin_request(context_id, parent_id);
    }

    /// Configures a filter. Returns false if Envoy must reject the configuration; the log contains the
    /// reason.
    pub fn configure(&mut self, context_id: u32, document_size: usize) -> bool {
        property::declare(KEPT_PROPERTY);
        let document = body::read(BufferType::PLUGIN_CONFIGURATION, document_size);
        self.0.configure(&mut ProxyWasm, context_id, document.as_deref())
    }

    /// Handles the header fields of a request.
    pub fn request_headers(&mut self, context_id: u32, end_of_stream: bool) -> Flow {
        self.0.request_headers(&mut ProxyWasm, context_id, end_of_stream)
    }

    /// Handles more of a request's body. `size` is all that is held, or what is new after the request was
    /// forwarded.
    pub fn request_body(&mut self, context_id: u32, size: usize, end_of_stream: bool) -> Flow {
        self.0.request_body(&mut ProxyWasm, context_id, size, end_of_stream)
    }

    /// Handles the trailers of a request.
    pub fn request_trailers(&mut self, context_id: u32) -> Flow {
        self.0.request_trailers(&mut ProxyWasm, context_id)
    }

    /// Handles the header fields of a response, from the upstream or from Envoy itself.
    pub fn response_headers(&mut self, context_id: u32) {
        self.0.response_headers(&mut ProxyWasm, context_id);
    }

    /// Handles the end of an HTTP callout. Without header fields it has failed.
    pub fn http_call_response(&mut self, token: u32, field_count: usize, body_size: usize) {
        self.ended(CalloutToken::Http(token), || read_http(field_count, body_size));
    }

    /// Handles the message of a gRPC callout.
    pub fn grpc_receive(&mut self, token: u32, size: usize) {
        self.ended(CalloutToken::Grpc(token), || read_grpc_message(size));
    }

    /// Handles the end of a gRPC callout. Does nothing if its message was handled before.
    pub fn grpc_close(&mut self, token: u32, grpc_status: u32) {
        self.ended(CalloutToken::Grpc(token), || read_grpc_close(grpc_status));
    }

    /// Handles a tick, which only filters get.
    pub fn tick(&mut self, context_id: u32) {
        self.0.tick(&mut ProxyWasm, context_id);
    }

    /// Handles the end of a context.
    pub fn delete(&mut self, context_id: u32) {
        self.0.end_context(&mut ProxyWasm, context_id);
    }

    fn ended(&mut self, token: CalloutToken, read: impl FnOnce() -> CalloutResult) {
        self.0.callout_ended(&mut ProxyWasm, token, read);
    }
}

#[cfg(test)]
mod tests;
