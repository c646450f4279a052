//! Random bytes, requests with random parts, and requests that are cut off, slow, or too large.

use super::attack_run::AttackRun;
use super::noise;
use crate::client::wire::{WireResponse, request};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_fixtures::Random;

/// Guarded paths, and spellings that an upstream could read as guarded paths.
pub(super) const PATHS: [&str; 9] = [
    "/me",
    "/ask",
    "/reports",
    "//ask",
    "/ask/../reports",
    "/%61sk",
    "/ask%2F..%2Freports",
    "/ask;x",
    "/REPORTS",
];
/// Names that the gate reads, and one that it does not. A preflight's are missing, since a preflight may
/// pass.
const NAMES: [&str; 8] = [
    "authorization",
    "cookie",
    "origin",
    "x-tollgate-plan",
    "x-tollgate-user",
    "x-forwarded-for",
    "content-type",
    "x-any",
];

/// Sends one of these attacks.
pub(super) async fn attack(run: &AttackRun, random: &mut Random) -> Option<WireResponse> {
    match random.below(6) {
        0 => run.refused(&request_with_noise(random)).await,
        1 => {
            let len = random.below(2048);
            run.refused(&noise(random, len)).await
        }
        2 => run.refused(&mangled(random)).await,
        3 => run.cut_off(&request_with_noise(random), random).await,
        4 => slow(run, random).await,
        _ => run.refused(&large(random)).await,
    }
}

/// Returns a request with random bytes in header fields and body.
pub fn request_with_noise(random: &mut Random) -> Vec<u8> {
    let mut fields = Vec::new();
    for _ in 0..random.below(12) {
        fields.extend(random.pick(&NAMES).bytes());
        fields.extend(b": ");
        let value = noise(random, 40);
        fields.extend(value.into_iter().filter(|byte| !b"\r\n\0".contains(byte)));
        fields.extend(b"\r\n");
    }
    let method = random.pick(&["GET", "POST", "PUT", "OPTIONS", "HEAD", "BREW"]);
    let (path, body) = (random.pick(&PATHS), random.below(4096));
    request(method, path, fields, &noise(random, body))
}

/// Returns a request in which some bytes were changed.
fn mangled(random: &mut Random) -> Vec<u8> {
    let mut bytes = request_with_noise(random);
    for _ in 0..=random.below(8) {
        let index = random.below(bytes.len());
        bytes[index] = noise(random, 1)[0];
    }
    bytes
}

/// Returns a request with a header field, body, or path larger than the limits.
fn large(random: &mut Random) -> Vec<u8> {
    let kilobytes = 1 << random.below(8);
    let value = "a".repeat(kilobytes << 10);
    match random.below(3) {
        0 => request("GET", "/me", format!("x-any: {value}\r\n"), b""),
        1 => request("POST", "/me", "", value.as_bytes()),
        _ => request("GET", &format!("/me?{value}"), "", b""),
    }
}

/// Sends a body byte by byte, which may remain incomplete.
async fn slow(run: &AttackRun, random: &mut Random) -> Option<WireResponse> {
    let mut stream = TcpStream::connect(run.gateway.envoy.address()).await.ok()?;
    let head =
        format!("POST {} HTTP/1.1\r\nhost: gateway.test\r\ncontent-length: 64\r\n\r\n", random.pick(&PATHS));
    stream.write_all(head.as_bytes()).await.ok()?;
    for _ in 0..random.below(64) {
        stream.write_all(b"x").await.ok()?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut response = [0; 16];
    let read = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut response)).await;
    let read = read.ok()?.ok()?;
    let text = String::from_utf8_lossy(response.get(..read)?).into_owned();
    assert!(!text.contains(" 2"), "served: {text}");
    None
}

/// Sends cookies that have the name of a session cookie or could be mistaken for one.
pub(super) async fn cookies(run: &AttackRun, random: &mut Random) -> Option<WireResponse> {
    let name = |random: &mut Random| match random.below(3) {
        0 => "__session".to_owned(),
        1 => format!("__session_{:x}", random.bits()),
        _ => format!("c{}", random.below(100)),
    };
    let value = |random: &mut Random, len: usize| {
        let bytes = noise(random, len);
        bytes
            .iter()
            .map(|byte| char::from(b'!' + byte % 90))
            .filter(|c| !";,\"\\".contains(*c))
            .collect::<String>()
    };
    let fields = match random.below(3) {
        0 => {
            let len = 1 << random.below(17);
            format!("cookie: {}={}\r\n", name(random), value(random, len))
        }
        1 => {
            let pairs: Vec<_> = (0..random.below(2000)).map(|_| format!("{}=x", name(random))).collect();
            format!("cookie: {}\r\n", pairs.join("; "))
        }
        _ => (0..random.below(60))
            .map(|_| format!("cookie: {}={}\r\n", name(random), value(random, 100)))
            .collect(),
    };
    run.refused(&request("GET", random.pick(&PATHS), fields, b"")).await
}
