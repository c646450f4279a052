//! No way round a rule: one path written in another way, in front of a service that decodes it.

use crate::shared::{bare, shipped};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::wire::{Answer, exchange, request};

/// Each way of writing that some server or other takes for `/ask` or for a path below it.
const DISGUISES: [&str; 19] = [
    "//ask",
    "/ask//x",
    "/%61sk",
    "/./ask",
    "/free/../ask",
    "/free/%2e%2e/ask",
    "/free/%2E%2E/ask",
    "/free/.%2e/ask",
    "/ask/../reports",
    "/ask%2F..%2Freports",
    "/free%2f..%2fask",
    "/free%5C..%5Cask",
    "/free\\..\\ask",
    "/ask;x",
    "/ask;/x",
    "/ASK",
    "/Ask/x",
    "/ask%00",
    "/ask%3Bx/../ask",
];

async fn ask(gateway: &Gateway, path: &str) -> Answer {
    let answer = exchange(gateway.envoy.address(), &request("GET", path, "", b"")).await;
    answer.unwrap_or_else(|| panic!("no answer for {path}"))
}

#[tokio::test]
async fn the_gate_itself_refuses_what_could_be_read_in_two_ways() {
    let gateway = bare().await;
    gateway.backend.forget_seen().await;
    for path in DISGUISES {
        let answer = ask(&gateway, path).await;
        assert_eq!(answer.status, 400, "{path}");
        // Envoy itself refuses bytes that no path may hold; whatever it lets by is the gate's to refuse.
        let code = answer.json()["code"].clone();
        assert!(code == "ambiguous_path" || path.contains('\\'), "{path}: {answer:?}");
    }
    for (why, path, status) in [
        ("the plain path needs a token", "/ask", 401),
        ("so does what is below it", "/ask/x", 401),
        ("a slash at the end is the same path", "/ask/", 401),
        ("a query is not the path", "/ask?x=//../%61", 401),
        ("what only begins like it is free", "/asking", 200),
        ("an escape that is needed", "/a%20b", 200),
    ] {
        assert_eq!(ask(&gateway, path).await.status, status, "{why}");
    }
    let reached: Vec<_> = gateway.backend.seen().await.into_iter().map(|seen| seen.path).collect();
    let disguised = reached.iter().filter(|path| DISGUISES.contains(&path.as_str())).count();
    assert_eq!(disguised, 0, "{reached:?}");
}

#[tokio::test]
async fn behind_envoys_own_normalisation_no_disguise_reaches_the_upstream_without_a_token() {
    let gateway = shipped().await;
    for path in DISGUISES {
        let answer = ask(&gateway, path).await;
        // Normalised, it is refused for want of a token; else by Envoy or the gate as ambiguous.
        assert!(matches!(answer.status, 400 | 401), "{path}: {answer:?}");
    }
    let seen = gateway.backend.seen().await;
    let disguised: Vec<_> =
        seen.iter().filter(|seen| seen.path.to_ascii_lowercase().contains("ask")).collect();
    let without_token = disguised.iter().filter(|seen| seen.header("authorization").is_empty());
    let guarded = without_token.filter(|seen| seen.path != "/asking").count();
    assert_eq!(guarded, 0, "{disguised:?}");
}
