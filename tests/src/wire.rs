//! HTTP/1.1 written by hand, byte by byte: what no well-behaved client would send.

use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer is waited for before the test fails.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// An answer as it stood on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in order, duplicates included. Bytes are shown as the Latin-1 characters of their numbers.
    pub headers: Vec<(String, String)>,
    /// What came behind the header, not decoded.
    pub body: Vec<u8>,
}

impl Answer {
    /// All values of a header field, in order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|field| field.0 == name).map(|field| field.1.as_str()).collect()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn parse(bytes: &[u8]) -> Option<Answer> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head: String = bytes[..end].iter().map(|byte| char::from(*byte)).collect();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Some(Answer { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() })
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

/// Sends these bytes over a connection of their own and reads until it ends. Nothing if it ends without an answer.
///
/// # Panics
/// When nothing listens, or the connection does not end in time.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let stream = TcpStream::connect(address).await.unwrap_or_else(|e| panic!("{address}: {e}"));
    let (mut from, mut to) = stream.into_split();
    let mut answer = Vec::new();
    // A server may answer and close before it has read all: that is an answer too.
    let both = async { tokio::join!(to.write_all(request), from.read_to_end(&mut answer)) };
    let ended = tokio::time::timeout(WAIT_MAX, both).await;
    assert!(ended.is_ok(), "waited {WAIT_MAX:?} in vain for the end of a connection");
    Answer::parse(&answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_its_duplicates_and_its_odd_bytes() {
        let answer =
            Answer::parse(b"HTTP/1.1 429 Too Many\r\nX-A: 1\r\nx-a:\xff\r\n\r\n{\"n\":1}").expect("one");
        assert_eq!((answer.status, answer.header("x-a")), (429, vec!["1", "\u{ff}"]));
        assert_eq!(answer.json()["n"], 1);
        assert_eq!(Answer::parse(b"HTTP/1.1 200 OK\r\n"), None, "cut off");
    }
}
