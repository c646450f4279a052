//! WebSockets: decided once, when they are opened. Later messages are neither counted nor checked.

use crate::shared::{connection_manager, with_rules};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_tests::client::wire::{WireResponse, exchange, request};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::processes::envoy::yaml;
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::waiting::WAIT_MAX;
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86400;
/// The example of RFC 6455 §1.3.
const OPENING: &str = "upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Accepts every upgrade, then sends back all bytes.
struct Echo {
    address: SocketAddr,
    opened: Arc<AtomicUsize>,
}

impl Echo {
    async fn start() -> Echo {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let echo = Echo { address: listener.local_addr().expect("bound"), opened: Arc::default() };
        let opened = Arc::clone(&echo.opened);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        echo
    }

    fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream) {
    head(&mut stream).await;
    let accepted = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    stream.write_all(accepted.as_bytes()).await.expect("Envoy reads");
    let (mut from, mut to) = stream.split();
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

/// Reads a header to its end, and no further.
async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.expect("a whole header"));
    }
    String::from_utf8(bytes).expect("text")
}

/// Starts the shipped gateway with WebSockets enabled, as its user would enable them.
async fn gateway(echo: &Echo) -> Gateway {
    let address = echo.address;
    Gateway::start(|standalone| {
        with_rules(standalone).upstream_at("upstream", address).edit(|config| {
            connection_manager(config)["upgrade_configs"] = yaml(json!([{"upgrade_type": "websocket"}]));
        })
    })
    .await
}

/// Opens a WebSocket. Returns it with the header of the response, which must be 101.
async fn open(gateway: &Gateway, credential: &str) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(gateway.envoy.address()).await.expect("a connection");
    let request = format!(
        "GET /ask HTTP/1.1\r\nhost: gateway.test\r\nconnection: Upgrade\r\n{OPENING}{credential}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.expect("Envoy reads");
    let head = tokio::time::timeout(WAIT_MAX, head(&mut socket)).await.expect("a response in time");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    (socket, head)
}

/// Sends bytes and reads them back.
async fn echoed(socket: &mut TcpStream, sent: &[u8]) {
    socket.write_all(sent).await.expect("Envoy reads");
    let mut back = vec![0; sent.len()];
    tokio::time::timeout(WAIT_MAX, socket.read_exact(&mut back)).await.expect("in time").expect("an echo");
    assert_eq!(back, sent);
}

/// Sends an opening that must be refused, and returns the whole response.
async fn refused(gateway: &Gateway, credential: &str) -> WireResponse {
    let opening = request("GET", "/ask", format!("{OPENING}{credential}"), b"");
    let opening =
        String::from_utf8(opening).expect("text").replace("connection: close", "connection: Upgrade");
    exchange(gateway.envoy.address(), opening.as_bytes()).await.expect("a response")
}

#[tokio::test]
async fn a_websocket_is_counted_when_it_is_opened_and_not_per_message() {
    let echo = Echo::start().await;
    let gateway = gateway(&echo).await;
    within_one_window(DAY_S).await;
    // A page cannot set the Authorization field of a WebSocket: the browser sends the cookie.
    let cookie = format!("cookie: __session={}", gateway.token("user_socket", "free"));
    let mut sockets = Vec::new();
    for remaining in (0..5).rev() {
        let (mut socket, head) = open(&gateway, &cookie).await;
        assert!(head.contains(&format!("x-ratelimit-remaining: {remaining}\r\n")), "{head}");
        for number in 0..20_u8 {
            echoed(&mut socket, &[number; 700]).await;
        }
        sockets.push(socket);
    }
    let response = refused(&gateway, &format!("{cookie}\r\n")).await;
    assert_eq!((response.status, &response.json()["code"]), (429, &json!("quota_exceeded")));
    assert_eq!(response.header("retry-after").len(), 1);
    assert_eq!(echo.opened(), 5, "the upstream gets nothing of the sixth");
    for socket in &mut sockets {
        echoed(socket, b"those that are open remain open").await;
    }
}

#[tokio::test]
async fn a_websocket_without_a_valid_token_is_not_opened() {
    let echo = Echo::start().await;
    let gateway = gateway(&echo).await;
    let expired = gateway.session("user_socket").claim("exp", json!(unix_now() - 60)).sign();
    let cases = [
        ("no token", String::new(), "missing_token"),
        ("garbage", "cookie: __session=x\r\n".to_owned(), "malformed_token"),
        ("one that has expired", format!("authorization: Bearer {expired}\r\n"), "token_expired"),
    ];
    for (why, credential, code) in cases {
        let response = refused(&gateway, &credential).await;
        assert_eq!((response.status, &response.json()["code"]), (401, &json!(code)), "{why}");
    }
    assert_eq!(echo.opened(), 0);
}
