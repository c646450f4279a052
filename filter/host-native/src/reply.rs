//! Responses of the gateway itself.

use crate::abi::{self, MapType, Stream};
use tollgate_core::http::Reply;
use tollgate_driver::is_field_value_safe;

/// The start of the content type of a gRPC request; the end, `+`, or `;` follows.
const GRPC: &[u8] = b"application/grpc";

/// Replies to the request of a stream. A header field that would break the message framing is left out.
///
/// The ABI has no argument for a gRPC status. Envoy keeps a field `grpc-status` in a reply to a gRPC request,
/// and derives one from the HTTP status only if there is none.
pub(crate) fn send(stream: Stream, reply: &Reply) {
    let grpc_status = reply.grpc_status.filter(|_| is_grpc(stream)).map(|status| status.to_string());
    let grpc_status = grpc_status.as_deref().map(|status| ("grpc-status", status));
    let fields = reply.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let fields = fields.chain(grpc_status).filter(|(_, value)| is_field_value_safe(value.as_bytes()));
    let fields: Vec<(&str, &str)> = fields.collect();
    abi::send_response(stream, reply.status, &fields, &reply.body, reply.details);
}

fn is_grpc(stream: Stream) -> bool {
    abi::header(stream, MapType::RequestHeaders, "content-type")
        .is_some_and(|value| is_grpc_content_type(&value))
}

fn is_grpc_content_type(value: &[u8]) -> bool {
    value.strip_prefix(GRPC).is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_recognized_by_the_content_type() {
        for (value, grpc) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(is_grpc_content_type(value.as_bytes()), grpc, "{value}");
        }
    }
}
