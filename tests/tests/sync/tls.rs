//! The API key is only sent to a server with a certificate for the host.

use crate::run::Shop;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tollgate_tests::fakes::upstream::Certificate;
use tollgate_tests::install::python::Python;
use tollgate_tests::install::workspace;

#[tokio::test]
async fn an_impostor_gets_no_request() {
    let shop = Shop::open().await;
    let certificate = Certificate::for_names(&["127.0.0.1"]);
    let mut impostor = Command::new(Python::with("tests/tls-requirements.txt").interpreter());
    impostor.arg(workspace::file("tests/tests/sync/impostor.py"));
    impostor.args([certificate.certificate(), certificate.key()]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut impostor = impostor.spawn().expect("it starts");
    let mut output = BufReader::new(impostor.stdout.take().expect("its output")).lines();
    let port = output.next_line().await.expect("text").expect("a port");
    let mut command = Command::new(tollgate_tests::install::command::built());
    command.args(["sync", "--all", "--config", &shop.file("tollgate.json")]);
    command.args(["--stripe-url", &format!("https://127.0.0.1:{port}")]);
    command.args(["--clerk-url", &format!("http://{}", shop.clerk.addr())]).kill_on_drop(true);
    command
        .env_clear()
        .env("STRIPE_API_KEY", shop.stripe.key())
        .env("CLERK_SECRET_KEY", shop.clerk.secret_key());
    let _running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    for connection in 0..2 {
        let line = output.next_line().await.expect("text");
        assert_eq!(line.as_deref(), Some("refused"), "connection {connection}");
    }
}
