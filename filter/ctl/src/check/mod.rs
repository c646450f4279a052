//! `tollgate check`: reports errors in a configuration, and warns about valid settings that are probably not
//! intended.

mod callouts;
mod document;
mod envoy;
mod envoy_gateway;
mod istio;
mod resource;
mod routes;

use crate::document::{Contents, FoundDocument, is_document, read};
use crate::terminal::{print_error_line, print_line};
use clap::Args;
use serde_json::Value;
use std::fmt;
use std::io::Read;
use std::process::ExitCode;
use tollgate_core::config;

/// Check a configuration before Envoy does.
///
/// Reads the document by the same rules as the filters, and prints every error with its location and its fix,
/// then warnings about settings that are valid and probably not intended. The file may be the document alone
/// (YAML or JSON) or a configuration of Envoy, Istio or Envoy Gateway that contains it; in these, the filters
/// and clusters are checked too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tollgate check tollgate.yaml
  tollgate check envoy/standalone.yaml
  kubectl get envoyextensionpolicy tollgate -o yaml | tollgate check -
  tollgate check --strict --environment envoy.yaml    in a pipeline, where the keys are set

Exit codes: 0 no error; 1 an error, or a warning with --strict; 2 the command line is wrong.")]
pub(crate) struct CheckArguments {
    /// The file; `-` reads it from standard input.
    file: String,
    /// Treat warnings as errors.
    #[arg(long)]
    strict: bool,
    /// Read keys and secrets from the environment too, as the filters read them from Envoy's.
    #[arg(long)]
    environment: bool,
}

/// The filters with checks of their own.
const WEBHOOK: &str = "stripe_webhook";
const CLERK_WEBHOOK: &str = "clerk_webhook";
const BILLING: &str = "billing";
const GATE: &str = "plan_gate";
/// The filters that read a request's body before they answer it, and so need Envoy's
/// `allow_on_headers_stop_iteration`, in their order.
const READERS: [&str; 3] = [WEBHOOK, CLERK_WEBHOOK, BILLING];

/// The warning about filters in the wrong order.
const ORDER: &str = "stripe_webhook must come before clerk_webhook, that before billing, and all before plan_gate: a \
                     webhook has no session token, and the billing endpoints answer for themselves";
/// The warning about a gate whose document has billing endpoints that no filter serves.
const UNSERVED: &str = "the document has the section `billing`, so the gate lets the paths below `billing.path` pass without a \
                        token, but there is no filter `billing`: add it, or remove the section";
/// The warning about a filter without a document.
const FORGOTTEN: &str = "there is no Tollgate document here, and the filter does not start without one";

/// A setting that is valid and probably not intended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Warning {
    /// The location, as in an error.
    location: String,
    /// The possible problem, and what to do about it.
    text: String,
}

/// Returns the index of the first filter in a chain that comes after one that it must come before.
fn out_of_order(filters: &[Option<&str>]) -> Option<usize> {
    const ORDERED: [&str; 4] = [WEBHOOK, CLERK_WEBHOOK, BILLING, GATE];
    let rank = |filter: &Option<&str>| ORDERED.iter().position(|name| Some(*name) == *filter);
    let ranks: Vec<(usize, usize)> =
        filters.iter().enumerate().filter_map(|(index, filter)| Some((index, rank(filter)?))).collect();
    let late = ranks.windows(2).find(|pair| matches!(pair, [(_, first), (_, second)] if first > second));
    late.and_then(|pair| pair.last()).map(|(index, _)| *index)
}

/// Returns what happens to a filter of [`READERS`] whose header Envoy does not hold back.
fn not_held(filter: &str) -> &'static str {
    match filter {
        WEBHOOK | CLERK_WEBHOOK => "a webhook is never verified",
        _ => "a POST with a body is never answered",
    }
}

impl Warning {
    fn new(location: impl Into<String>, text: impl Into<String>) -> Self {
        Warning { location: location.into(), text: text.into() }
    }

    /// Returns the warning about a variable that a filter reads and does not get.
    fn unseen(location: impl Into<String>, variable: &str) -> Self {
        Warning::new(
            location,
            format!("the document reads {variable}; name it here, or the filter does not see it"),
        )
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.text)
    }
}

/// Checks a file, prints the result, and returns the exit code.
pub(crate) fn run(arguments: &CheckArguments) -> ExitCode {
    let name = if arguments.file == "-" { "standard input" } else { &arguments.file };
    let verdict = text(&arguments.file).and_then(|text| {
        let contents = read(&text)?;
        Ok(check(&text, &contents, arguments.environment))
    });
    let verdict =
        verdict.unwrap_or_else(|error| CheckVerdict { errors: vec![error], ..CheckVerdict::default() });
    for error in &verdict.errors {
        print_error_line!("error: {name}: {error}");
    }
    for warning in &verdict.warnings {
        print_error_line!("warning: {name}: {warning}");
    }
    let failed = !verdict.errors.is_empty() || (arguments.strict && !verdict.warnings.is_empty());
    if verdict.errors.is_empty() {
        let locations: Vec<&str> = verdict.locations.iter().map(|location| or_file(location)).collect();
        print_line!(
            "{name}: valid, {} ({})",
            counted(verdict.warnings.len(), "warning"),
            locations.join(", ")
        );
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn or_file(location: &str) -> &str {
    if location.is_empty() { "the whole file" } else { location }
}

fn counted(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

fn text(file: &str) -> Result<String, String> {
    let mut text = String::new();
    let read = match file {
        "-" => std::io::stdin().read_to_string(&mut text).map(|_| text),
        file => std::fs::read_to_string(file),
    };
    read.map_err(|error| format!("cannot be read: {error}"))
}

/// The result for a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct CheckVerdict {
    locations: Vec<String>,
    errors: Vec<String>,
    warnings: Vec<Warning>,
}

impl CheckVerdict {
    fn add(&mut self, routes: routes::FoundRoutes, documents: &[&Value]) {
        let unread = routes::unread_rules(routes.naming_rules, documents);
        self.errors.extend(routes.errors.iter().chain(&unread).map(ToString::to_string));
        self.warnings.extend(routes.warnings);
    }
}

fn check(text: &str, contents: &Contents, environment: bool) -> CheckVerdict {
    let mut verdict = CheckVerdict::default();
    let mut seen: Vec<&FoundDocument> = Vec::new();
    if contents.found.is_empty() {
        let sections = config::SECTION_NAMES.join("` or `");
        verdict
            .errors
            .push(format!("there is no Tollgate document in it: one has `plans` and a section `{sections}`"));
    }
    for found in &contents.found {
        verdict.locations.push(found.location.clone());
        // Envoy's own file contains the document once per filter.
        if seen.iter().any(|before| before.document == found.document) {
            continue;
        }
        seen.push(found);
        let location =
            if found.location.is_empty() { String::new() } else { format!("{}: ", found.location) };
        match errors(text, found, environment) {
            errors if errors.is_empty() => {
                verdict.warnings.extend(document::warnings(&found.document).into_iter().map(|warning| {
                    Warning { location: format!("{location}{}", warning.location), ..warning }
                }));
            }
            errors => verdict.errors.extend(errors.iter().map(|error| format!("{location}{error}"))),
        }
    }
    if let [first, second, ..] = seen[..] {
        let text = "this document differs from the one before it; give both filters the same, or they disagree about plans";
        verdict.warnings.push(Warning::new(
            format!("{} and {}", or_file(&first.location), or_file(&second.location)),
            text,
        ));
    }
    let all: Vec<&Value> = seen.iter().map(|found| &found.document).collect();
    for (number, value) in contents.values.iter().enumerate() {
        let documents = contents.found.iter().filter(|found| found.within == number);
        verdict.warnings.extend(envoy::warnings(value, documents));
        verdict.add(routes::of_envoy(value), &all);
    }
    let resources = resource::all(&contents.values);
    verdict.warnings.extend(istio::warnings(&resources, &contents.found));
    verdict.warnings.extend(envoy_gateway::warnings(&resources, &contents.found));
    verdict.add(routes::of_resources(&resources), &all);
    verdict
}

/// Returns the value at a pointer (RFC 6901), or null if there is none.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// Returns the document of a filter, which is written as such or as JSON text.
fn document_of(given: &Value) -> Option<Value> {
    let document = match given {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    is_document(&document).then_some(document)
}

/// Returns whether the document of a filter has billing endpoints.
fn has_billing(given: &Value) -> bool {
    document_of(given).is_some_and(|document| document.get(BILLING).is_some())
}

/// Returns the errors that the filters would report.
fn errors(text: &str, found: &FoundDocument, environment: bool) -> Vec<String> {
    let json = found.document.to_string();
    // A file that is JSON is checked as it is: a duplicate name is an error.
    let bytes = if found.location.is_empty() && text.trim_start().starts_with('{') { text } else { &json };
    if let Err(errors) = config::check(bytes.as_bytes()) {
        return errors.iter().map(ToString::to_string).collect();
    }
    if !environment {
        return Vec::new();
    }
    let variable = |name: &str| std::env::var(name).ok();
    let configurations = config::read_each(bytes.as_bytes(), &variable);
    configurations.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect()
}

#[cfg(test)]
mod tests;
