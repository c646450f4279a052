//! HTTP/1.1 written by hand, byte by byte: what no well-behaved client would send.

use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

/// How long an answer is waited for before the test fails.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// An answer as it stood on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireResponse {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in order, duplicates included. Bytes are shown as the Latin-1 characters of their numbers.
    pub headers: Vec<(String, String)>,
    /// What came behind the header, not decoded.
    pub body: Vec<u8>,
}

impl WireResponse {
    /// All values of a header field, in order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|field| field.0 == name).map(|field| field.1.as_str()).collect()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Whether the body is as long as the header says. Where that says nothing, the end of the connection tells.
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

/// A request that asks for the end of the connection after its answer. `fields` are header lines, each ended by CR LF.
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

/// Sends these bytes over a connection of their own and reads the answer. Nothing if the connection ends without one.
///
/// # Panics
/// When nothing listens, or neither an answer nor the end of the connection comes in time.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Option<WireResponse> {
    let stream = TcpStream::connect(address).await.unwrap_or_else(|e| panic!("{address}: {e}"));
    let answer = tokio::time::timeout(WAIT_MAX, over(stream, request)).await;
    answer.unwrap_or_else(|_| panic!("waited {WAIT_MAX:?} in vain for an answer"))
}

/// The same, however long it takes. Nothing also if nobody listens.
pub async fn try_exchange(address: SocketAddr, request: &[u8]) -> Option<WireResponse> {
    over(TcpStream::connect(address).await.ok()?, request).await
}

async fn over(stream: TcpStream, request: &[u8]) -> Option<WireResponse> {
    let (from, mut to) = stream.into_split();
    // A server may answer and close before it has read all: that is an answer too.
    let write = async {
        let _ = to.write_all(request).await;
        std::future::pending().await
    };
    tokio::select! {
        answer = read(from) => answer,
        () = write => None,
    }
}

/// Reads one answer. Envoy keeps a connection that it will close open for a second, so its end is not waited for.
async fn read(mut from: OwnedReadHalf) -> Option<WireResponse> {
    let mut bytes = Vec::new();
    while from.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        if let Some(answer) = WireResponse::parse(&bytes).filter(WireResponse::is_complete) {
            return Some(answer);
        }
    }
    WireResponse::parse(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_its_duplicates_and_its_odd_bytes() {
        let answer = WireResponse::parse(b"HTTP/1.1 429 Too Many\r\nX-A: 1\r\nx-a:\xff\r\n\r\n{\"n\":1}")
            .expect("one");
        assert_eq!((answer.status, answer.header("x-a")), (429, vec!["1", "\u{ff}"]));
        assert_eq!(answer.json()["n"], 1);
        assert_eq!(WireResponse::parse(b"HTTP/1.1 200 OK\r\n"), None, "cut off");
    }
}
