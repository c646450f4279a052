//! Responses of the gateway itself.

use crate::abi::{self, LocalResponse, Status};
use crate::headers;
use tollgate_core::http::Reply;
use tollgate_driver::is_field_value_safe;

/// The ABI's value for "no gRPC status".
const NO_GRPC_STATUS: i32 = -1;

/// Replies to the request of the current context. A header field that would break the message framing is left
/// out.
pub(crate) fn send(reply: &Reply) -> Result<(), Status> {
    let fields: Vec<(&str, &str)> = reply
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .filter(|(_, value)| is_field_value_safe(value.as_bytes()))
        .collect();
    let response = LocalResponse {
        status: reply.status,
        details: reply.details.as_bytes(),
        body: &reply.body,
        headers: &headers::serialize(&fields),
        grpc_status: reply.grpc_status.map_or(NO_GRPC_STATUS, i32::from),
    };
    abi::send_local_response(&response).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::scripted::{self, Event};

    #[test]
    fn a_reply_is_sent_without_fields_that_would_break_it() {
        scripted::reset();
        let reply = Reply {
            status: 429,
            headers: vec![("retry-after", "60".to_owned()), ("x-bad", "a\r\nset-cookie: b".to_owned())],
            body: b"{}".to_vec(),
            details: "quota_exceeded",
            grpc_status: Some(8),
        };
        assert_eq!(send(&reply), Ok(()));
        let want = Event::Replied {
            status: 429,
            details: b"quota_exceeded".to_vec(),
            body: b"{}".to_vec(),
            headers: headers::serialize(&[("retry-after", "60")]),
            grpc_status: 8,
        };
        assert_eq!(scripted::events(), [want]);
    }
}
