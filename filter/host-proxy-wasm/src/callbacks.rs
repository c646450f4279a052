//! Envoy's callbacks, and the numbers that they bring, for a [`Dispatch`].

use crate::abi::BufferType;
use crate::callout::{Token, read_grpc_close, read_grpc_message, read_http};
use crate::{ProxyWasm, body, property};
use tollgate_core::machine::KEPT;
use tollgate_driver::{CalloutResult, Dispatch, Filter, Flow};

/// All filters and requests of one VM, one method for each callback of the ABI.
pub struct Callbacks<F: Filter>(Dispatch<F, ProxyWasm>);

impl<F: Filter> Callbacks<F> {
    /// Returns those of a VM in which nothing has happened yet.
    #[allow(clippy::new_without_default, reason = "it initializes a static, where only a const fn will do")]
    pub const fn new() -> Self {
        Callbacks(Dispatch::new())
    }

    /// A context begins: a filter's, which has no parent, or a request's, whose parent is the filter's.
    pub fn context_create(&mut self, context_id: u32, parent_id: u32) {
        self.0.begin_request(context_id, parent_id);
    }

    /// A filter gets its configuration. False makes Envoy refuse it; the log says why.
    pub fn configure(&mut self, context_id: u32, document_size: usize) -> bool {
        property::declare(KEPT);
        let document = body::read(BufferType::PLUGIN_CONFIGURATION, document_size);
        self.0.configure(&mut ProxyWasm, context_id, document.as_deref())
    }

    /// The header fields of a request are complete.
    pub fn request_headers(&mut self, context_id: u32, end_of_stream: bool) -> Flow {
        self.0.request_headers(&mut ProxyWasm, context_id, end_of_stream)
    }

    /// More of a request's body is there: `size` is all that is held, or, once the request was let go, what is new.
    pub fn request_body(&mut self, context_id: u32, size: usize, end_of_stream: bool) -> Flow {
        self.0.request_body(&mut ProxyWasm, context_id, size, end_of_stream)
    }

    /// The trailers of a request are complete.
    pub fn request_trailers(&mut self, context_id: u32) -> Flow {
        self.0.request_trailers(&mut ProxyWasm, context_id)
    }

    /// The header fields of a response are complete: the upstream's, or one of Envoy's own.
    pub fn response_headers(&mut self, context_id: u32) {
        self.0.response_headers(&mut ProxyWasm, context_id);
    }

    /// An HTTP callout has ended. Without header fields it has failed.
    pub fn http_call_response(&mut self, token: u32, field_count: usize, body_size: usize) {
        self.ended(Token::Http(token), || read_http(field_count, body_size));
    }

    /// A gRPC callout was answered.
    pub fn grpc_receive(&mut self, token: u32, size: usize) {
        self.ended(Token::Grpc(token), || read_grpc_message(size));
    }

    /// A gRPC callout has ended. Does nothing if it was answered.
    pub fn grpc_close(&mut self, token: u32, grpc_status: u32) {
        self.ended(Token::Grpc(token), || read_grpc_close(grpc_status));
    }

    /// A context has ended.
    pub fn delete(&mut self, context_id: u32) {
        self.0.end_context(&mut ProxyWasm, context_id);
    }

    fn ended(&mut self, token: Token, read: impl FnOnce() -> CalloutResult) {
        self.0.callout_ended(&mut ProxyWasm, token, read);
    }
}

#[cfg(test)]
mod tests;
