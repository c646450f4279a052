//! `tollgate webhook send` against something that is not Tollgate, and with wrong arguments.
#![allow(clippy::unwrap_used)] // A test.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

fn send(url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["webhook", "send", url, "--type", "invoice.paid"]).args(arguments);
    command.env("STRIPE_WEBHOOK_SECRET", "whsec_1").output().unwrap()
}

const IDS: [&str; 4] = ["--customer", "cus_1", "--subscription", "sub_1"];

/// Returns what the command prints about an answer with that body.
fn about_answer(body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/webhooks/stripe", listener.local_addr().unwrap());
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        // The body is the last thing of the request, and ends with the event's type.
        while !bytes.ends_with(b"\"invoice.paid\"\n}") {
            let mut part = [0_u8; 4096];
            let count = stream.read(&mut part).unwrap();
            bytes.extend(part.iter().take(count));
        }
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let output = send(&url, &IDS);
    server.join().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn an_answer_of_another_service_is_noted() {
    const NOTE: &str = "note: this is not a response of Tollgate's filter";
    for body in ["ok", "{}", "{\"received\": true}"] {
        let output = about_answer(body);
        assert!(output.contains(NOTE), "{output}");
    }
    let output = about_answer("{\"received\": true, \"status\": \"processed\"}");
    assert!(!output.contains("note: "), "{output}");
    let refusal =
        r#"{"title": "Unauthorized", "status": 401, "code": "missing_token", "detail": "no token"}"#;
    let output = about_answer(refusal);
    assert!(output.contains("note: the request reached `plan_gate` and not `stripe_webhook`"), "{output}");
}

#[test]
fn a_wrong_url_is_an_error_of_the_command_line() {
    for (url, message) in [
        ("", "a URL in full"),
        ("gateway.example.com/webhooks/stripe", "a URL in full"),
        ("ftp://gateway.example.com/", "a URL in full"),
        ("http://127.0.0.1:99999/", "1 to 65535"),
        ("https://user:Own1@127.0.0.1/", "before `@`"),
    ] {
        let output = send(url, &IDS);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains("<URL>") && errors.contains(message), "{errors}");
        assert_eq!(output.status.code(), Some(2), "{errors}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let output = send(&closed, &IDS);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("no response") && errors.contains("check that the gateway runs"), "{errors}");
    assert_eq!(output.status.code(), Some(1), "{errors}");
}

#[test]
fn a_file_without_an_event_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [("empty.json", ""), ("list.json", "[1]"), ("cut.json", "{\"id\": \"evt_1\"")] {
        let file = directory.path().join(name);
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(["webhook", "send", "http://127.0.0.1:1/", "--print", "--file"]).arg(&file);
        let output = command.env("STRIPE_WEBHOOK_SECRET", "whsec_1").output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(&format!("{name}: is not an event: ")), "{errors}");
        assert_eq!(output.status.code(), Some(2), "{errors}");
    }
}

#[test]
fn wrong_ids_and_times_are_errors_of_the_command_line() {
    for (arguments, message) in [
        (&["--customer", "sub_1", "--subscription", "sub_1"][..], "not that of a customer"),
        (&["--customer", "cus_1", "--subscription", "cus_1"], "sub_"),
        (&["--customer", "cus_1", "--subscription", "sub_1", "--user", "org_1"], "--organization"),
        (&["--customer", "cus_1", "--subscription", "sub_1", "--organization="], "`org_`"),
        (
            &["--customer", "cus_1", "--subscription", "sub_1", "--at", "yesterday"],
            "like 2026-11-26T12:00:00Z",
        ),
        (&["--customer", "cus_1", "--subscription", "sub_1", "--at", "99999999999999"], "1970 to 9999"),
        (&["--customer", "cus_1"], "--subscription: missing"),
        (&[], "--customer: missing"),
    ] {
        let output = send("http://127.0.0.1:1/", arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(message), "{errors}");
        assert_eq!(output.status.code(), Some(2), "{errors}");
    }
}
