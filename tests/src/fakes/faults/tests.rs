//! Each fault over a real connection, and the rules that select the requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::fakes::server::{FakeServer, Service};

/// Counts the requests that it carries out and responds with the count.
#[derive(Default)]
struct Counter(AtomicUsize, Mutex<Vec<String>>);

impl Service for Counter {
    fn carry_out(&self, request: &Request) -> FakeResponse {
        self.1.lock().unwrap().push(request.path_and_query());
        FakeResponse::json(200, &json!({"n": self.0.fetch_add(1, Ordering::SeqCst) + 1}))
    }
}

async fn counter() -> (Arc<Counter>, FakeServer) {
    let service = Arc::new(Counter::default());
    let server = FakeServer::start(Arc::clone(&service) as Arc<dyn Service>).await;
    (service, server)
}

/// Returns a POST over a connection of its own.
async fn post(server: &FakeServer, path: &str) -> Result<(u16, Vec<u8>), reqwest::Error> {
    let response = reqwest::Client::new().post(format!("http://{}{path}", server.addr())).send().await?;
    Ok((response.status().as_u16(), response.bytes().await?.to_vec()))
}

#[tokio::test]
async fn a_rule_applies_to_the_next_matching_requests() {
    let (service, server) = counter().await;
    server.faults().next(2, on("POST", "/v1/a"), Fault::unavailable());
    let mut statuses = Vec::new();
    for path in ["/v1/b", "/v1/a/1", "/v2/v1/a", "/v1/a?x=1", "/v1/a"] {
        statuses.push(post(&server, path).await.unwrap().0);
    }
    assert_eq!(statuses, [200, 503, 200, 503, 200]);
    assert_eq!(service.0.load(Ordering::SeqCst), 3, "what failed was not carried out");
    assert_eq!(server.log().writes(), 3);
    let faults: Vec<_> = server.log().entries().iter().map(|e| e.fault).collect();
    assert_eq!(faults, [None, Some("response"), None, Some("response"), None]);
}

#[tokio::test]
async fn a_rule_can_match_text_in_query_or_body_and_can_be_cleared() {
    let (_, server) = counter().await;
    server.faults().always(any().containing("cus_2"), Fault::status(500, &json!({"error": {}})));
    assert_eq!(post(&server, "/list?customer=cus_1").await.unwrap().0, 200);
    assert_eq!(
        post(&server, "/list?customer=cus_2").await.unwrap(),
        (500, b"{\n  \"error\": {}\n}".to_vec())
    );
    server.faults().clear();
    assert_eq!(post(&server, "/list?customer=cus_2").await.unwrap().0, 200);
}

#[tokio::test]
async fn the_same_seed_causes_the_same_faults_at_the_given_rate() {
    let faults_of = |seed| {
        let faults = Faults::default();
        faults.sometimes(0.2, seed, any(), Fault::Reset);
        let request = Request {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            query: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        (0..1000).map(|_| faults.next_for(&request).is_some()).collect::<Vec<_>>()
    };
    assert_eq!(faults_of(7), faults_of(7));
    assert_ne!(faults_of(7), faults_of(8));
    let count = faults_of(7).into_iter().filter(|failed| *failed).count();
    assert!((150..250).contains(&count), "{count} of 1000");
}

#[tokio::test]
async fn a_request_is_carried_out_before_its_response_is_lost_but_not_on_reset() {
    let (service, server) = counter().await;
    server.faults().next(1, any(), Fault::Reset);
    assert!(post(&server, "/").await.is_err());
    assert_eq!(service.0.load(Ordering::SeqCst), 0);
    server.faults().next(1, any(), Fault::LoseResponse);
    assert!(post(&server, "/").await.is_err());
    assert_eq!(service.0.load(Ordering::SeqCst), 1);
    assert_eq!(server.log().writes(), 1, "the write counts, although its response was lost");
    assert!(server.log().entries().iter().all(|e| e.answered.is_none()));
    assert_eq!(post(&server, "/").await.unwrap().0, 200);
}

#[tokio::test]
async fn a_reset_in_mid_body_comes_after_the_header_and_half_of_the_body() {
    let (_, server) = counter().await;
    server.faults().next(1, any(), Fault::ResetMidBody);
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: fake\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await;
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let whole = "{\n  \"n\": 1\n}";
    assert!(
        head.starts_with("HTTP/1.1 200 OK") && head.contains(&format!("content-length: {}", whole.len()))
    );
    assert_eq!(body, &whole[..whole.len() / 2]);
}

#[tokio::test]
async fn garbage_is_no_json_and_a_huge_answer_is() {
    let (_, server) = counter().await;
    server.faults().next(1, any(), Fault::garbage());
    server.faults().next(1, any(), Fault::huge(3_000_000));
    let (status, garbage) = post(&server, "/").await.unwrap();
    assert!(status == 200 && serde_json::from_slice::<Value>(&garbage).is_err());
    let (_, huge) = post(&server, "/").await.unwrap();
    assert!(huge.len() > 3_000_000 && serde_json::from_slice::<Value>(&huge).is_ok());
}

#[tokio::test]
async fn responses_can_be_released_in_another_order_than_their_requests() {
    let (service, server) = counter().await;
    let (first, second) = (HoldPoint::new(), HoldPoint::new());
    server.faults().next(1, on("*", "/first"), Fault::HoldResponse(first.clone()));
    server.faults().next(1, on("*", "/second"), Fault::HoldResponse(second.clone()));
    let server = Arc::new(server);
    let send = |path: &'static str| {
        let server = Arc::clone(&server);
        tokio::spawn(async move { post(&server, path).await.unwrap().1 })
    };
    let one = send("/first");
    first.wait_for(1).await;
    let two = send("/second");
    second.wait_for(1).await;
    assert_eq!(service.0.load(Ordering::SeqCst), 2, "both are carried out");
    second.release_one();
    assert_eq!(two.await.unwrap(), b"{\n  \"n\": 2\n}");
    assert!(!one.is_finished());
    assert_eq!(server.log().entries()[0].answered, None);
    first.open();
    assert_eq!(one.await.unwrap(), b"{\n  \"n\": 1\n}");
}

#[tokio::test]
async fn requests_can_be_carried_out_in_another_order_than_they_came() {
    let (service, server) = counter().await;
    let gate = HoldPoint::new();
    server.faults().next(1, on("*", "/first"), Fault::HoldRequest(gate.clone()));
    let late = reqwest::Client::new().post(format!("http://{}/first", server.addr()));
    let late = tokio::spawn(late.send());
    gate.wait_for(1).await;
    post(&server, "/second").await.unwrap();
    gate.release_one();
    assert_eq!(late.await.unwrap().unwrap().status(), 200);
    assert_eq!(*service.1.lock().unwrap(), ["/second", "/first"]);
}

#[tokio::test]
async fn a_request_is_carried_out_even_when_its_caller_has_given_up() {
    let (_, server) = counter().await;
    let gate = HoldPoint::new();
    server.faults().next(1, any(), Fault::HoldRequest(gate.clone()));
    let request = reqwest::Client::new().post(format!("http://{}/", server.addr()));
    let waiting = tokio::spawn(request.send());
    gate.wait_for(1).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    // A later exchange ensures that the server has had time to notice the closed connection.
    post(&server, "/next").await.unwrap();
    gate.release_one();
    server.log().wait_for_carried_out(2, &any()).await;
    assert_eq!(server.log().writes(), 2);
}

#[tokio::test]
async fn a_delay_is_kept() {
    let (_, server) = counter().await;
    server.faults().next(1, any(), Fault::Delay(Duration::from_millis(30)));
    post(&server, "/").await.unwrap();
    let entry = server.log().entries().remove(0);
    assert!(entry.answered.unwrap().1 - entry.arrived_at >= Duration::from_millis(30));
}

#[tokio::test]
async fn a_dropped_fake_listens_no_more_and_its_connections_break() {
    let (_, server) = counter().await;
    let addr = server.addr();
    let gate = HoldPoint::new();
    server.faults().always(any(), Fault::HoldResponse(gate.clone()));
    let held = tokio::spawn(reqwest::Client::new().get(format!("http://{addr}/")).send());
    gate.wait_for(1).await;
    drop(server);
    assert!(held.await.unwrap().is_err());
    assert!(TcpStream::connect(addr).await.is_err());
}
