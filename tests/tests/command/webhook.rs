//! `tollgate webhook send` against a real gateway.

use std::process::Output;
use tollgate_tests::install::command;
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_PATH, WEBHOOK_SECRET};

/// Runs the command while the gateway and its fakes run.
async fn send(gateway: &Gateway, secret: &str, more: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(command::built());
    command.args(["webhook", "send", &gateway.envoy.url(WEBHOOK_PATH)]).args(more);
    command.env("STRIPE_WEBHOOK_SECRET", secret).output().await.expect("it starts")
}

#[tokio::test]
async fn an_event_is_signed_and_the_response_is_shown() {
    let gateway = Gateway::start(|standalone| standalone).await;
    let kind =
        ["--type", "customer.subscription.updated", "--customer", "cus_none", "--subscription", "sub_none"];
    let right = send(&gateway, WEBHOOK_SECRET, &kind).await;
    let output = String::from_utf8(right.stdout).expect("UTF-8");
    // The fake of Stripe does not have the customer, so nothing is concluded; the signature was accepted.
    assert!(output.starts_with("500 ") && output.contains("bad_credentials"), "{output}");
    assert_eq!(right.status.code(), Some(1));

    let wrong = send(&gateway, "whsec_another", &kind).await;
    let output = String::from_utf8(wrong.stdout).expect("UTF-8");
    assert!(output.starts_with("400 "), "{output}");
    assert_eq!(wrong.status.code(), Some(1));

    let ignored = tempfile::NamedTempFile::new().expect("a file");
    let event =
        r#"{"id": "evt_1", "object": "event", "type": "charge.refunded", "livemode": false, "data": {}}"#;
    std::fs::write(ignored.path(), event).expect("written");
    let file = ignored.path().display().to_string();
    let accepted = send(&gateway, &format!("{WEBHOOK_SECRET},whsec_old"), &["--file", &file]).await;
    let output = String::from_utf8(accepted.stdout).expect("UTF-8");
    assert!(output.starts_with("200 "), "{output}");
    assert_eq!(accepted.status.code(), Some(0));
}

#[tokio::test]
async fn without_a_secret_or_with_an_unknown_type_nothing_is_sent() {
    let gateway = Gateway::start(|standalone| standalone).await;
    for (secret, more, message) in [
        ("", ["--type", "invoice.paid"], "STRIPE_WEBHOOK_SECRET: is not set"),
        (WEBHOOK_SECRET, ["--type", "charge.refunded"], "send any other with --file"),
        (WEBHOOK_SECRET, ["--type", "invoice.paid"], "--customer: missing"),
        (WEBHOOK_SECRET, ["--file", "/nowhere.json"], "/nowhere.json: cannot be read"),
    ] {
        let out = send(&gateway, secret, &more).await;
        let error = String::from_utf8(out.stderr).expect("UTF-8");
        assert!(error.contains(message), "{error}");
        assert_eq!(out.status.code(), Some(2), "{error}");
    }
    let ids = ["--customer", "cus_1", "--subscription", "sub_1", "--at", "1795703415"];
    let arguments = [&["--type", "invoice.paid", "--print"][..], &ids].concat();
    let printed = send(&gateway, WEBHOOK_SECRET, &arguments).await;
    let output = String::from_utf8(printed.stdout).expect("UTF-8");
    assert!(
        output.contains("stripe-signature: t=1795703415,") && output.contains("\"invoice.paid\""),
        "{output}"
    );
    assert!(!output.contains(WEBHOOK_SECRET));
    assert_eq!(gateway.envoy.stats().await.value("http.public.downstream_rq_total"), 0, "nothing was sent");
}
