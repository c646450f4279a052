//! HTTP/1.1 written byte by byte: requests that no well-behaved client would send.

use crate::waiting::WAIT_MAX;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

/// A response as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireResponse {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in order, duplicates included. Bytes are shown as the Latin-1 characters with
    /// their codes.
    pub headers: Vec<(String, String)>,
    /// The bytes after the header, not decoded.
    pub body: Vec<u8>,
}

impl WireResponse {
    /// Returns all values of a header field, in order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|field| field.0 == name).map(|field| field.1.as_str()).collect()
    }

    /// Returns the body as JSON, or null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Returns whether the body has the length in the header. Without a length, the body ends with the
    /// connection.
    fn is_complete(&self) -> bool {
        let length = self.header("content-length").first().and_then(|length| length.parse().ok());
        length.is_some_and(|length: usize| self.body.len() >= length)
    }

    fn parse(bytes: &[u8]) -> Option<WireResponse> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head: String = bytes[..end].iter().map(|byte| char::from(*byte)).collect();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Some(WireResponse { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() })
    }
}

/// Returns a request with `Connection: close`. `fields` are header lines, each ended by CR LF.
pub fn request(method: &str, path: &str, fields: impl AsRef<[u8]>, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{method} {path} HTTP/1.1\r\nhost: gateway.test\r\nconnection: close\r\n").into_bytes();
    bytes.extend(fields.as_ref());
    if !body.is_empty() {
        bytes.extend(format!("content-length: {}\r\n", body.len()).bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

/// Sends bytes on a new connection and reads the response. Returns `None` if the connection ends without one.
///
/// # Panics
/// If nothing listens at `address`, or neither a response nor the end of the connection comes in time.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Option<WireResponse> {
    let stream = TcpStream::connect(address).await.unwrap_or_else(|e| panic!("{address}: {e}"));
    let response = tokio::time::timeout(WAIT_MAX, exchange_over(stream, request)).await;
    response.unwrap_or_else(|_| panic!("no response after {WAIT_MAX:?}"))
}

/// Does the same without a time limit. Returns `None` also if nothing listens at `address`.
pub async fn try_exchange(address: SocketAddr, request: &[u8]) -> Option<WireResponse> {
    exchange_over(TcpStream::connect(address).await.ok()?, request).await
}

async fn exchange_over(stream: TcpStream, request: &[u8]) -> Option<WireResponse> {
    let (from, mut to) = stream.into_split();
    // A server may respond and close before it has read the whole request.
    let write = async {
        let _ = to.write_all(request).await;
        std::future::pending().await
    };
    tokio::select! {
        response = read(from) => response,
        () = write => None,
    }
}

/// Reads one response. Envoy keeps a connection that it will close open for a second, so this does not wait
/// for its end.
async fn read(mut from: OwnedReadHalf) -> Option<WireResponse> {
    let mut bytes = Vec::new();
    while from.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        if let Some(response) = WireResponse::parse(&bytes).filter(WireResponse::is_complete) {
            return Some(response);
        }
    }
    WireResponse::parse(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_fields_and_bytes_that_are_not_text_are_read() {
        let response = WireResponse::parse(b"HTTP/1.1 429 Too Many\r\nX-A: 1\r\nx-a:\xff\r\n\r\n{\"n\":1}")
            .expect("one");
        assert_eq!((response.status, response.header("x-a")), (429, vec!["1", "\u{ff}"]));
        assert_eq!(response.json()["n"], 1);
        assert_eq!(WireResponse::parse(b"HTTP/1.1 200 OK\r\n"), None, "cut off");
    }
}
