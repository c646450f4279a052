//! Bytes that are no requests, or hardly any.

use super::scene::Day;
use super::{below, noise, one};
use crate::client::wire::{WireResponse, request};
use crate::fakes::faults::SplitMix64;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is guarded, in spellings that are it, and that could be it.
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
/// Names that the gate looks at, and one that it does not. Without what makes a request a preflight, which may pass.
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

/// One of them.
pub(super) async fn attack(day: &Day, random: &mut SplitMix64) -> Option<WireResponse> {
    match below(random, 6) {
        0 => day.refused(&with_noise(random)).await,
        1 => {
            let len = below(random, 2048);
            day.refused(&noise(random, len)).await
        }
        2 => day.refused(&mangled(random)).await,
        3 => day.cut_off(&with_noise(random), random).await,
        4 => slow(day, random).await,
        _ => day.refused(&large(random)).await,
    }
}

/// A request whose fields and body hold anything.
pub(super) fn with_noise(random: &mut SplitMix64) -> Vec<u8> {
    let mut fields = Vec::new();
    for _ in 0..below(random, 12) {
        fields.extend(one(random, &NAMES).bytes());
        fields.extend(b": ");
        let value = noise(random, 40);
        fields.extend(value.into_iter().filter(|byte| !b"\r\n\0".contains(byte)));
        fields.extend(b"\r\n");
    }
    let method = one(random, &["GET", "POST", "PUT", "OPTIONS", "HEAD", "BREW"]);
    let (path, body) = (one(random, &PATHS), below(random, 4096));
    request(method, path, fields, &noise(random, body))
}

/// A request in which some bytes were changed.
fn mangled(random: &mut SplitMix64) -> Vec<u8> {
    let mut bytes = with_noise(random);
    for _ in 0..=below(random, 8) {
        let place = below(random, bytes.len());
        bytes[place] = noise(random, 1)[0];
    }
    bytes
}

/// More of everything than there is room for.
fn large(random: &mut SplitMix64) -> Vec<u8> {
    let kilobytes = 1 << below(random, 8);
    let value = "a".repeat(kilobytes << 10);
    match below(random, 3) {
        0 => request("GET", "/me", format!("x-any: {value}\r\n"), b""),
        1 => request("POST", "/me", "", value.as_bytes()),
        _ => request("GET", &format!("/me?{value}"), "", b""),
    }
}

/// A body that comes byte by byte, and perhaps never whole.
async fn slow(day: &Day, random: &mut SplitMix64) -> Option<WireResponse> {
    let mut stream = TcpStream::connect(day.gateway.envoy.address()).await.ok()?;
    let head =
        format!("POST {} HTTP/1.1\r\nhost: gateway.test\r\ncontent-length: 64\r\n\r\n", one(random, &PATHS));
    stream.write_all(head.as_bytes()).await.ok()?;
    for _ in 0..below(random, 64) {
        stream.write_all(b"x").await.ok()?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut answer = [0; 16];
    let read = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut answer)).await;
    let read = read.ok()?.ok()?;
    let text = String::from_utf8_lossy(answer.get(..read)?).into_owned();
    assert!(!text.contains(" 2"), "served: {text}");
    None
}

/// Cookies that hold a token, or could.
pub(super) async fn cookies(day: &Day, random: &mut SplitMix64) -> Option<WireResponse> {
    let name = |random: &mut SplitMix64| match below(random, 3) {
        0 => "__session".to_owned(),
        1 => format!("__session_{:x}", random.bits()),
        _ => format!("c{}", below(random, 100)),
    };
    let value = |random: &mut SplitMix64, len: usize| {
        let bytes = noise(random, len);
        bytes
            .iter()
            .map(|byte| char::from(b'!' + byte % 90))
            .filter(|c| !";,\"\\".contains(*c))
            .collect::<String>()
    };
    let fields = match below(random, 3) {
        0 => {
            let len = 1 << below(random, 17);
            format!("cookie: {}={}\r\n", name(random), value(random, len))
        }
        1 => {
            let pairs: Vec<_> = (0..below(random, 2000)).map(|_| format!("{}=x", name(random))).collect();
            format!("cookie: {}\r\n", pairs.join("; "))
        }
        _ => (0..below(random, 60))
            .map(|_| format!("cookie: {}={}\r\n", name(random), value(random, 100)))
            .collect(),
    };
    day.refused(&request("GET", one(random, &PATHS), fields, b"")).await
}
