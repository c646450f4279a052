//! The same request over each transport: HTTP/1.1 with a length or in chunks, and HTTP/2.

use crate::client::wire::{self, WireResponse};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// A way to send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP/1.1 with `Content-Length`.
    Length,
    /// HTTP/1.1, in chunks.
    Chunked,
    /// HTTP/1.1, in chunks, with trailers.
    ChunkedWithTrailers,
    /// HTTP/2, by prior knowledge.
    Http2,
    /// HTTP/2 with trailers.
    Http2WithTrailers,
}

impl Transport {
    /// Every transport.
    pub const ALL: [Transport; 5] = [
        Transport::Length,
        Transport::Chunked,
        Transport::ChunkedWithTrailers,
        Transport::Http2,
        Transport::Http2WithTrailers,
    ];

    /// Sends a request on a new connection. `fields` and `trailers` are names and values; trailers are sent
    /// where the transport has them. Returns `None` if the connection ends without a response.
    ///
    /// # Panics
    /// If nothing listens at `address`.
    pub async fn send(
        self,
        address: SocketAddr,
        (method, path): (&str, &str),
        fields: &[(&str, &str)],
        body: &[u8],
        trailers: &[(&str, &str)],
    ) -> Option<WireResponse> {
        match self {
            Transport::Length => {
                wire::exchange(address, &wire::request(method, path, lines(fields), body)).await
            }
            Transport::Chunked | Transport::ChunkedWithTrailers => {
                let fields = format!("{}transfer-encoding: chunked\r\n", lines(fields));
                let mut bytes = wire::request(method, path, fields, b"");
                // An odd length, so that no boundary of the input is also a boundary between chunks.
                for chunk in body.chunks(40_001) {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                let trailers = if self == Transport::Chunked { String::new() } else { lines(trailers) };
                bytes.extend(format!("0\r\n{trailers}\r\n").bytes());
                wire::exchange(address, &bytes).await
            }
            Transport::Http2 => http2(address, (method, path), fields, body, None).await,
            Transport::Http2WithTrailers => {
                http2(address, (method, path), fields, body, Some(trailers)).await
            }
        }
    }
}

fn lines(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

async fn http2(
    address: SocketAddr,
    (method, path): (&str, &str),
    fields: &[(&str, &str)],
    body: &[u8],
    trailers: Option<&[(&str, &str)]>,
) -> Option<WireResponse> {
    let stream = TcpStream::connect(address).await.expect("a listener");
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.ok()?;
    let driver = tokio::spawn(connection);
    let mut request = hyper::Request::builder().method(method).uri(format!("http://gateway.test{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::copy_from_slice(body));
    let body = match trailers {
        None => body.boxed(),
        Some(trailers) => {
            let trailers = header_map(trailers);
            // Without a length: HTTP/1 has no trailers after a body of a known length.
            let body = body.map_frame(|frame| frame);
            body.with_trailers(async { Some(Ok::<_, Infallible>(trailers)) }).boxed()
        }
    };
    let response = sender.send_request(request.body(body).expect("a request")).await.ok()?;
    let (head, body) = response.into_parts();
    let text = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let body = body.collect().await.ok()?.to_bytes().to_vec();
    driver.abort();
    Some(WireResponse { status: head.status.as_u16(), headers, body })
}

fn header_map(fields: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = name.parse::<hyper::header::HeaderName>().expect("a name");
        map.append(name, value.parse().expect("a value"));
    }
    map
}
