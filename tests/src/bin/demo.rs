//! `cargo demo`: a payment becomes a plan, and the plan becomes a limit, on a real Envoy. The exit code is 0
//! only if every step was observed. `cargo demo --open` is the same for a person with a browser.
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic on a closed pipe.

use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Session, Subscription};
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_PATH};

const ADA: &str = "user_ada";

/// The free plan's limit in the shipped configuration.
const FREE_A_DAY: usize = 5;

#[tokio::main]
async fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => demo().await,
        Some("--open") => {
            tollgate_tests::playground::run().await;
            ExitCode::SUCCESS
        }
        Some(other) => {
            say(&format!("there is no option {other}: usage: cargo demo [--open]"));
            ExitCode::from(2)
        }
    }
}

/// Tells the story on a terminal.
async fn demo() -> ExitCode {
    say(
        "Tollgate: a real Envoy with its filters, in front of a FastAPI service; Stripe and Clerk are faithful fakes.",
    );
    say("The first run builds the filters and fetches Envoy, which takes some minutes.");
    let gateway = Gateway::start(|shipped| shipped).await;
    say(&format!("Envoy serves {} with envoy/standalone.yaml", gateway.envoy.url("/")));
    let started = Instant::now();
    let complete = match story(&gateway).await {
        Ok(()) => true,
        Err(Unseen(what)) => {
            say(&format!("\n   NOT OBSERVED: {what}\n   the end of Envoy's log:"));
            let log = gateway.envoy.log();
            let lines: Vec<_> = log.lines().collect();
            lines.iter().skip(lines.len().saturating_sub(20)).for_each(|line| say(&format!("   {line}")));
            false
        }
    };
    if complete {
        say(&format!("\nEvery step was observed, in {:.1} s.", started.elapsed().as_secs_f64()));
        say("To try it in a browser, with your own clicks: cargo demo --open");
    }
    if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A step that should have happened and did not.
struct Unseen(String);

async fn story(gateway: &Gateway) -> Result<(), Unseen> {
    gateway.clerk.put_user(User::new(ADA));
    gateway.stripe.put(Price::new("price_123"));
    gateway.stripe.put(Customer::new("cus_ada"));

    step(1, "Ada is on the free plan: 5 questions a day");
    for n in 1..=FREE_A_DAY {
        let response = ask(gateway).await;
        see(response.status == 200, &response, "200 from the service")?;
        say(&format!("   GET /ask -> 200, {} left today", response.header("x-ratelimit-remaining")));
        see(
            response.header("x-ratelimit-remaining") == (FREE_A_DAY - n).to_string(),
            &response,
            "one less left",
        )?;
    }
    let refused = ask(gateway).await;
    see(refused.status == 429 && refused.body["code"] == "quota_exceeded", &refused, "429 quota_exceeded")?;
    say(&format!("   GET /ask -> 429, Retry-After: {} s", refused.header("retry-after")));
    show(&refused.body);

    step(2, "Ada pays: Stripe's checkout.session.completed arrives, signed");
    gateway.stripe.put(Subscription::new("sub_ada", "cus_ada").item("price_123"));
    gateway.stripe.put(Session::new("cs_ada", "cus_ada", "sub_ada").metadata("clerk_user_id", ADA));
    let paid = gateway.stripe.event("checkout.session.completed", "cs_ada");
    let receipt = DemoResponse::read(gateway.deliver(&paid).await).await;
    see(receipt.status == 200 && receipt.body["status"] == "processed", &receipt, "200 processed")?;
    say(&format!("   POST {WEBHOOK_PATH} -> 200"));
    show(&receipt.body);

    step(3, "Clerk shows it");
    let metadata = gateway.clerk.public_metadata(ADA);
    if metadata["plan"] != "pro" {
        return Err(Unseen(format!("plan pro at Clerk, but its public_metadata are {metadata}")));
    }
    show(&json!({ "public_metadata": metadata }));

    step(4, "Ada's next session token carries the plan: 100 questions a month");
    let response = ask(gateway).await;
    see(response.status == 200, &response, "200 from the service")?;
    say(&format!("   GET /ask -> 200, {} left this month", response.header("x-ratelimit-remaining")));
    see(response.header("x-ratelimit-remaining") == "99", &response, "99 left")?;
    let fields = identity(&response.body);
    say("   and the service received these identity header fields:");
    fields.iter().for_each(|field| say(&format!("      {field}")));
    for wanted in [format!("x-tollgate-user: {ADA}"), "x-tollgate-plan: pro".to_owned()] {
        see(fields.contains(&wanted), &response, &wanted)?;
    }

    step(5, "An attacker forges a webhook");
    let received_before = gateway.backend.received().await.len();
    let forged = gateway.stripe.event("customer.subscription.updated", "sub_ada");
    let (body, signature) = forged.signed(&["whsec_guessed"], tollgate_tests::fakes::server::unix_now());
    let request = gateway.request(reqwest::Method::POST, WEBHOOK_PATH).header("stripe-signature", signature);
    let refused =
        DemoResponse::read(request.body(body).send().await.map_err(|e| Unseen(e.to_string()))?).await;
    see(
        refused.status == 400 && refused.body["code"] == "signature_mismatch",
        &refused,
        "400 signature_mismatch",
    )?;
    say(&format!("   POST {WEBHOOK_PATH} -> 400"));
    show(&refused.body);
    if gateway.backend.received().await.len() != received_before {
        return Err(Unseen("that the service behind the gateway never saw the forged webhook".to_owned()));
    }
    say("   the service behind the gateway never saw it");
    gateway.require_no_crash().await;
    Ok(())
}

/// Sends one request with a token that Clerk creates from Ada's current metadata.
async fn ask(gateway: &Gateway) -> DemoResponse {
    let token = gateway.clerk.token(ADA).sign();
    let sent = gateway.get("/ask").bearer_auth(token).send().await;
    DemoResponse::read(sent.unwrap_or_else(|e| panic!("Envoy did not respond: {e}"))).await
}

/// Returns the identity header fields that the gateway set, as the service echoes them.
fn identity(echo: &Value) -> Vec<String> {
    let fields = echo["request"]["headers"].as_array().into_iter().flatten();
    let text = |field: &Value| Some(format!("{}: {}", field[0].as_str()?, field[1].as_str()?));
    fields.filter_map(text).filter(|field| field.starts_with("x-tollgate-")).collect()
}

struct DemoResponse {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl DemoResponse {
    async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
        DemoResponse { status, headers, body }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-")
    }
}

fn see(seen: bool, response: &DemoResponse, what: &str) -> Result<(), Unseen> {
    let DemoResponse { status, body, .. } = response;
    if seen { Ok(()) } else { Err(Unseen(format!("{what}; the answer was {status} {body}"))) }
}

fn step(number: u8, what: &str) {
    say(&format!("\n{number}. {what}"));
}

fn show(value: &Value) {
    for line in serde_json::to_string_pretty(value).unwrap_or_default().lines() {
        say(&format!("      {line}"));
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
