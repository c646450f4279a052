//! Each fault over a real connection, and the rules that choose whom it meets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::fakes::server::{FakeServer, Service};

/// Counts how often it was asked to do something, and says so.
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

/// A POST over a connection of its own.
async fn post(server: &FakeServer, path: &str) -> Result<(u16, Vec<u8>), reqwest::Error> {
    let response = reqwest::Client::new().post(format!("http://{}{path}", server.addr())).send().await?;
    Ok((response.status().as_u16(), response.bytes().await?.to_vec()))
}

#[tokio::test]
async fn a_rule_meets_the_next_so_many_requests_that_match() {
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
    assert_eq!(faults, [None, Some("answer"), None, Some("answer"), None]);
}

#[tokio::test]
async fn a_rule_can_ask_for_a_text_in_the_query_or_the_body_and_be_cleared() {
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
async fn the_same_seed_causes_the_same_faults_about_as_often_as_asked() {
    let strikes = |seed| {
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
    assert_eq!(strikes(7), strikes(7));
    assert_ne!(strikes(7), strikes(8));
    let count = strikes(7).into_iter().filter(|struck| *struck).count();
    assert!((150..250).contains(&count), "{count} of 1000");
}

#[tokio::test]
async fn a_reset_request_is_not_carried_out_and_one_with_a_lost_response_is() {
    let (service, server) = counter().await;
    server.faults().next(1, any(), Fault::Reset);
    assert!(post(&server, "/").await.is_err());
    assert_eq!(service.0.load(Ordering::SeqCst), 0);
    server.faults().next(1, any(), Fault::LoseAnswer);
    assert!(post(&server, "/").await.is_err());
    assert_eq!(service.0.load(Ordering::SeqCst), 1);
    assert_eq!(server.log().writes(), 1, "the write counts, though nobody heard of it");
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
async fn answers_can_be_let_go_in_another_order_than_their_requests_came() {
    let (service, server) = counter().await;
    let (first, second) = (Gate::new(), Gate::new());
    server.faults().next(1, on("*", "/first"), Fault::HoldAnswer(first.clone()));
    server.faults().next(1, on("*", "/second"), Fault::HoldAnswer(second.clone()));
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
    let gate = Gate::new();
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
    let gate = Gate::new();
    server.faults().next(1, any(), Fault::HoldRequest(gate.clone()));
    let request = reqwest::Client::new().post(format!("http://{}/", server.addr()));
    let waiting = tokio::spawn(request.send());
    gate.wait_for(1).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    // A later exchange shows that the server has had its turn to see the connection go.
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
    let gate = Gate::new();
    server.faults().always(any(), Fault::HoldAnswer(gate.clone()));
    let held = tokio::spawn(reqwest::Client::new().get(format!("http://{addr}/")).send());
    gate.wait_for(1).await;
    drop(server);
    assert!(held.await.unwrap().is_err());
    assert!(TcpStream::connect(addr).await.is_err());
}
