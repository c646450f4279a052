//! `tollgate webhook send`: signs a Stripe event and delivers it, to show the gateway's response.

mod event;
mod responder;
mod signature;

use crate::check::placeholder_in;
use crate::terminal::{self, NOTE, print_error_line, print_line, styled};
use crate::token::time_of;
use crate::url::http_url;
use crate::{clock, document};
use clap::{ArgGroup, Args, Subcommand};
use event::Subjects;
use responder::Responder;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tollgate_core::config::signing_secrets;
use tollgate_core::secret::Secret;
use tollgate_core::time::Micros;

/// The time for which Stripe waits for a response.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The variable with the signing secret.
const SECRET: &str = "STRIPE_WEBHOOK_SECRET";

/// Test a webhook endpoint.
#[derive(Debug, Args)]
pub(crate) struct WebhookArguments {
    #[command(subcommand)]
    command: WebhookCommand,
}

#[derive(Debug, Subcommand)]
enum WebhookCommand {
    Send(Send),
}

/// Sign a Stripe event and send it to an endpoint, as Stripe does.
///
/// The event is created from the options, or read from a file. It only says whose state changed: the gateway
/// then reads the current state from Stripe, so name a customer and a subscription that exist there. Nothing
/// else in the event changes a plan. The secret is read from the environment variable STRIPE_WEBHOOK_SECRET;
/// if there are several, separated by commas, the first one signs.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true),
    after_help = "\
Examples:
  export STRIPE_WEBHOOK_SECRET=whsec_…
  tollgate webhook send http://127.0.0.1:8080/webhooks/stripe --type customer.subscription.updated \\
      --customer cus_123 --subscription sub_123
  tollgate webhook send https://api.example.com/webhooks/stripe --type checkout.session.completed \\
      --customer cus_123 --subscription sub_123 --user user_2abc --live
  tollgate webhook send http://127.0.0.1:8080/webhooks/stripe --file event.json
  tollgate webhook send http://127.0.0.1:8080/webhooks/stripe --type invoice.paid --customer cus_123 \\
      --subscription sub_123 --at 2026-11-26T12:00:00Z --print

Exit codes: 0 the endpoint responded with 2xx, or it was only printed; 1 any other response or none; 2 the command \
line is wrong."
)]
struct Send {
    /// The endpoint.
    #[arg(value_parser = endpoint)]
    url: String,
    /// The type of the event to create, as in customer.subscription.updated.
    #[arg(long = "type", group = "what", value_name = "TYPE")]
    kind: Option<String>,
    /// A file with a complete event, as `stripe events retrieve` prints it. It is sent unchanged.
    #[arg(long, group = "what", value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    subjects: Subjects,
    /// An event of live mode.
    #[arg(long)]
    live: bool,
    /// The time of the event and of its signature, as in 2026-11-26T12:00:00Z or in Unix seconds [default:
    /// now]. The gateway refuses signatures that differ from its clock by more than `tolerance_s`.
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    at: Option<Micros>,
    /// The document, or a file that contains it, to show its path if the event does not reach the filter.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Show the request and do not send it.
    #[arg(long)]
    print: bool,
}

/// Sends or prints the event and returns the exit code.
pub(crate) fn run(arguments: &WebhookArguments) -> ExitCode {
    let WebhookCommand::Send(send) = &arguments.command;
    let delivered = configured_path(send).and_then(|path| {
        let (body, signature) = prepare(send)?;
        deliver(send, &body, &signature, path.as_deref())
    });
    match delivered {
        Ok(code) => code,
        Err(error) => terminal::misused(&error),
    }
}

/// Returns the path of the webhook in the document, if it is given.
fn configured_path(send: &Send) -> Result<Option<String>, String> {
    let Some(file) = &send.config else { return Ok(None) };
    let document = document::of_file(file, &["stripe_webhook"])?;
    Ok(document.pointer("/stripe_webhook/path").and_then(Value::as_str).map(str::to_owned))
}

/// Accepts the URL of an endpoint.
fn endpoint(text: &str) -> Result<String, String> {
    http_url(text).map(|_| text.to_owned())
}

/// Returns the path of a URL.
fn path_of(url: &str) -> String {
    http_url(url).map(|url| url.path().to_owned()).unwrap_or_default()
}

/// Returns the body and its signature.
fn prepare(send: &Send) -> Result<(Vec<u8>, String), String> {
    let secret = signing_secret(std::env::var(SECRET).ok().as_deref())?;
    let now = send.at.unwrap_or_else(clock::now);
    let body = match (&send.file, &send.kind) {
        (Some(file), _) => event::read(file)?,
        (None, Some(kind)) => {
            let event = event::make(kind, &send.subjects, send.live, now)?;
            serde_json::to_vec_pretty(&event).map_err(|error| error.to_string())?
        }
        (None, None) => return Err("name a --type or a --file".to_owned()),
    };
    let signature = signature::header(secret.expose(), &body, now.as_secs());
    Ok((body, signature))
}

/// Returns the first signing secret, checked as the filter checks it.
fn signing_secret(value: Option<&str>) -> Result<Secret, String> {
    let Some(value) = value.filter(|value| !value.trim().is_empty()) else {
        return Err(format!(
            "{SECRET}: is not set; `export {SECRET}=whsec_…`, the signing secret of the endpoint at Stripe"
        ));
    };
    if let Some(placeholder) = placeholder_in(value) {
        return Err(format!(
            "{SECRET}: has {placeholder} of the examples in it; set the signing secret of the endpoint at Stripe"
        ));
    }
    let secrets = signing_secrets(SECRET, &|_| Some(value.to_owned())).map_err(|error| {
        format!("{SECRET}: {}; {}", error.problem.trim_start_matches(SECRET).trim_start(), error.cure)
    })?;
    secrets.into_iter().next().ok_or_else(|| format!("{SECRET}: contains no secret"))
}

fn deliver(
    send: &Send,
    body: &[u8],
    signature: &str,
    configured_path: Option<&str>,
) -> Result<ExitCode, String> {
    if send.print {
        print_line!(
            "POST {}\nstripe-signature: {signature}\ncontent-type: application/json; charset=utf-8\n",
            send.url
        );
        print_line!("{}", String::from_utf8_lossy(body));
        return Ok(ExitCode::SUCCESS);
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(TIMEOUT))
        .build()
        .into();
    let request = agent.post(&send.url).header("stripe-signature", signature);
    let request = request.header("content-type", "application/json; charset=utf-8");
    let began = Instant::now();
    let mut response = match request.send(body) {
        Ok(response) => response,
        Err(error) => {
            print_error_line!(
                "{}: no response: {error}; check that the gateway runs and can be reached at this address",
                send.url
            );
            return Ok(ExitCode::FAILURE);
        }
    };
    let text = response.body_mut().read_to_string().unwrap_or_default();
    print_line!("{} in {} ms", response.status(), began.elapsed().as_millis());
    let value = serde_json::from_str::<Value>(&text);
    match &value {
        Ok(value) => print_line!("{value:#}"),
        Err(_) => print_line!("{text}"),
    }
    let responder = value.map_or(Responder::Other, |value| Responder::of(&value));
    if let Some(note) = responder.note(&path_of(&send.url), configured_path) {
        print_error_line!("{}: {note}", styled(NOTE, "note"));
    }
    Ok(if response.status().is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_checked_as_the_filter_checks_it_and_not_shown() {
        let first = signing_secret(Some("whsec_a,whsec_b")).map(|secret| secret.expose().to_owned());
        assert_eq!(first.as_deref(), Ok("whsec_a"));
        for wrong in [
            None,
            Some(" "),
            Some("\"whsec_a\""),
            Some("secret_a"),
            Some("whsec_a b"),
            Some("whsec_REPLACE_ME"),
        ] {
            let error = signing_secret(wrong).unwrap_err();
            assert!(error.starts_with("STRIPE_WEBHOOK_SECRET: ") && !error.contains("_a"), "{error}");
        }
    }
}
