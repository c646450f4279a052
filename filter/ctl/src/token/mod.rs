//! `tollgate token`: decides on a session token as the gate does, and explains the decision.

mod gate;
mod report;

use crate::terminal::{self, print_line};
use crate::{clock, document};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use gate::{Gate, TokenVerdict};
use report::{CallerSummary, TokenReport, expectations};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tollgate_core::auth::keys::jwks::{self, JwksError};
use tollgate_core::config::{ClaimSource, PlanGateSettings};
use tollgate_core::gate::session_token_template;
use tollgate_core::ids::Subject;
use tollgate_core::time::Micros;

/// Decide on a session token as the gate does: its signature, its claims, its plan, and one request with it.
///
/// Shows the token's claims, its plan and the claim that sets it, and whether the gate would permit a request
/// with it: by which rule, or why not, with the gate's own message. Nothing is sent anywhere and nothing is
/// counted. The public key is read from the environment as the document says, or from --jwks-file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tollgate token --config tollgate.yaml --path /ask - < token.txt
  tollgate token --config envoy.yaml --path /reports --method POST eyJhbGciOi…
  curl https://clerk.example.com/.well-known/jwks.json > jwks.json
  tollgate token --config tollgate.yaml --path /ask --jwks-file jwks.json --at 2026-11-26T12:00:00Z -
  tollgate token --config tollgate.yaml --path /ask --json - < token.txt

A token on the command line can be seen by others on this machine while it runs; `-` reads it from standard input.

Exit codes: 0 the request would be permitted; 1 it would be refused; 2 the command line or the configuration is wrong, \
or what was given is no token.")]
pub(crate) struct TokenArguments {
    /// The token; `-` reads it from standard input.
    token: String,
    /// The document, or an Envoy, Istio or Envoy Gateway file that contains it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The request's path.
    #[arg(long, value_parser = request_path)]
    path: String,
    /// The request's method.
    #[arg(long, default_value = "GET", value_parser = request_method)]
    method: String,
    /// The request's host.
    #[arg(long, default_value = "api.example.com", value_parser = request_host)]
    host: String,
    /// The time, as in 2026-11-26T12:00:00Z or in Unix seconds [default: now].
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    at: Option<Micros>,
    /// A JSON Web Key Set to verify it with, if the document has `keys: {jwks: …}`.
    #[arg(long, value_name = "FILE")]
    jwks_file: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The last second of the year 9999, the last that can be written.
const TIME_MAX_S: u64 = 253_402_300_799;

/// Reads a time as text or in seconds.
///
/// # Errors
/// It is neither.
pub(crate) fn time_of(text: &str) -> Result<Micros, String> {
    let seconds = match text.parse() {
        Ok(seconds) => Some(seconds),
        Err(_) => {
            let time = OffsetDateTime::parse(text, &Rfc3339).ok();
            time.and_then(|time| u64::try_from(time.unix_timestamp()).ok())
        }
    };
    match seconds.filter(|seconds| *seconds <= TIME_MAX_S) {
        Some(seconds) => Ok(Micros::from_secs(seconds)),
        None => {
            Err("expected a time from 1970 to 9999, like 2026-11-26T12:00:00Z, or in Unix seconds".to_owned())
        }
    }
}

/// Accepts the path of a request, as a client sends it.
fn request_path(text: &str) -> Result<String, String> {
    let is_sent = |character: char| !character.is_whitespace() && !character.is_control();
    match text.starts_with('/') && text.chars().all(is_sent) {
        true => Ok(text.to_owned()),
        false => {
            Err("expected the path of a request, like /ask: it starts with `/` and has no blank".to_owned())
        }
    }
}

/// Accepts the method of a request.
fn request_method(text: &str) -> Result<String, String> {
    match text.parse::<ureq::http::Method>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("expected a method, like GET".to_owned()),
    }
}

/// Accepts the host of a request, as it stands in the header field.
fn request_host(text: &str) -> Result<String, String> {
    match text.parse::<ureq::http::uri::Authority>() {
        Ok(_) if !text.contains('@') => Ok(text.to_owned()),
        _ => Err("expected a host, like api.example.com or api.example.com:8443".to_owned()),
    }
}

/// Prints the decision and returns the exit code.
pub(crate) fn run(arguments: &TokenArguments) -> ExitCode {
    match decide(arguments) {
        Ok(report) => {
            match arguments.json {
                true => print_line!("{:#}", report.to_json()),
                false => print_line!("{}", report.to_lines().join("\n")),
            }
            if matches!(report.verdict, TokenVerdict::Admitted { .. }) {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => terminal::misused(&error),
    }
}

fn decide(arguments: &TokenArguments) -> Result<TokenReport, String> {
    let token = token(&arguments.token)?;
    let header = part(&token, 0).ok_or(NO_TOKEN)?;
    let claims = part(&token, 1).ok_or(NO_TOKEN)?;
    let name = arguments.config.display();
    let document = document::of_file(&arguments.config, &["plan_gate"])?;
    let jwks = arguments.jwks_file.as_deref().map(key_set);
    let environment = std::env::vars_os();
    let environment =
        environment.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut gate = Gate::new(document, jwks.transpose()?, environment.collect())
        .map_err(|error| format!("{name}: {error}"))?;
    let now = arguments.at.unwrap_or_else(clock::now);
    let verdict = gate.request(now, &arguments.method, &arguments.host, &arguments.path, &token);
    let expected = expectations(&gate.configured().tokens.rules, &claims);
    let caller = summarize(&mut gate, now, &arguments.host, &token, &claims);
    let request = (arguments.method.clone(), arguments.host.clone(), arguments.path.clone());
    Ok(TokenReport { now, header, claims, expected, caller, request, verdict })
}

/// Reads a file with a key set.
fn key_set(file: &Path) -> Result<Vec<u8>, String> {
    let name = file.display();
    let bytes = std::fs::read(file).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    match jwks::parse(&bytes) {
        Ok(_) => Ok(bytes),
        Err(JwksError::NotAKeySet) => {
            Err(format!("{name}: is not a JSON Web Key Set, an object with `keys`"))
        }
        Err(JwksError::NoUsableKey) => Err(format!("{name}: has no public RSA key for RS256 signatures")),
    }
}

/// The error about what has not the form of a token.
const NO_TOKEN: &str =
    "this is no token: expected three parts of base64url with JSON in them, separated by dots (eyJ….eyJ….…)";

fn token(argument: &str) -> Result<String, String> {
    let mut text = String::new();
    match argument {
        "-" => {
            std::io::stdin().read_to_string(&mut text).map_err(|e| format!("standard input: {e}"))?;
        }
        token => token.clone_into(&mut text),
    }
    let text = text.trim();
    let text = text.strip_prefix("Bearer ").unwrap_or(text);
    if text.is_empty() { Err("there is no token".to_owned()) } else { Ok(text.to_owned()) }
}

/// Returns one part of a token, if it is a JSON object.
fn part(token: &str, number: usize) -> Option<Value> {
    let bytes = token.split('.').nth(number).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok())?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

/// Returns plan, features and limits of a valid token.
fn summarize(gate: &mut Gate, now: Micros, host: &str, token: &str, claims: &Value) -> Option<CallerSummary> {
    let usage = gate.usage(now, host, token)?;
    let text = |name: &str| usage.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let subject = text("subject");
    let (source, cure) = source(gate.configured(), &subject, claims);
    let features = usage.get("features").and_then(Value::as_array).into_iter().flatten();
    let features = features.filter_map(Value::as_str).map(str::to_owned).collect();
    let limits = usage.get("limits").cloned().unwrap_or_default();
    Some(CallerSummary { subject, plan: text("plan"), source, cure, features, limits })
}

/// Returns the source of the plan, which is the first claim that is present; and what to do if none is.
fn source(gate: &PlanGateSettings, subject: &str, claims: &Value) -> (String, Option<String>) {
    let Ok(subject) = Subject::parse(subject) else { return ("no subject".to_owned(), None) };
    let present = |source: &&ClaimSource| match source {
        ClaimSource::Path(path) => {
            let found = path.iter().try_fold(claims, |value, name| value.get(name));
            found.is_some_and(|value| !value.is_null())
        }
        ClaimSource::ClerkBilling => claims.get("pla").is_some(),
    };
    let name = |source: &ClaimSource| match source {
        ClaimSource::Path(path) => path.join("."),
        ClaimSource::ClerkBilling => "pla".to_owned(),
    };
    let sources = gate.plan_claims.sources(&subject);
    match sources.iter().find(present) {
        Some(source @ ClaimSource::Path(_)) => (format!("by the claim {}", name(source)), None),
        Some(ClaimSource::ClerkBilling) => ("by Clerk Billing's claim pla".to_owned(), None),
        None => {
            let names: Vec<String> = sources.iter().map(name).collect();
            let cure = format!(
                "at Clerk, under Sessions, Customize session token, add {}",
                session_token_template(gate, &subject)
            );
            (format!("the default: the token has no claim {}", names.join(" or ")), Some(cure))
        }
    }
}

#[cfg(test)]
mod tests;
