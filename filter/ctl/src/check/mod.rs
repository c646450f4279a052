//! `tollgate check`: reports errors in a configuration, and warns about valid settings that are probably not
//! intended.

mod cors;
mod document;
mod envoy;
mod envoy_gateway;
mod envoy_program;
mod filters;
mod finding;
mod input;
mod istio;
mod kubernetes_secrets;
mod report;
mod routes;
mod unserved;

use crate::document::FoundDocument;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
pub(crate) use document::example::placeholder_in;
use document::{callouts, environment, example};
pub(crate) use envoy::key_file::key_problem;
use envoy::{bootstrap, destinations, key_file, misspelled, named_files};
use envoy_program::EnvoyProgram;
use finding::{Finding, FindingKind, Level, Location};
use input::file::CheckedFile;
use input::{file, resource};
use report::ReportFormat;
use serde_json::Value;
use std::process::ExitCode;
use tollgate_core::config;

/// Check a configuration before Envoy does.
///
/// Reads the document by the same rules as the filters, and prints every error with its position and its fix,
/// then warnings about settings that are valid and probably not intended. A file may be the document alone
/// (YAML or JSON) or a configuration of Envoy, Istio or Envoy Gateway that contains it; in these, the
/// filters, clusters, and resources are checked too. Resources in several files are checked together.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tollgate check tollgate.yaml
  tollgate check envoy/standalone.yaml
  tollgate check gateway.yaml routes.yaml policies.yaml
  kubectl get envoyextensionpolicy tollgate -o yaml | tollgate check -
  tollgate check --strict --environment envoy.yaml    where Envoy runs: with its variables and files
  tollgate check --envoy /usr/local/bin/envoy envoy.yaml    whether this Envoy can run it
  tollgate check --strict --allow memory_counter --format json envoy.yaml

Exit codes: 0 no error; 1 an error, or a warning with --strict; 2 the command line is wrong.

docs/command.md lists all errors and warnings.")]
pub(crate) struct CheckArguments {
    /// The files; `-` reads standard input.
    #[arg(required = true, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    files: Vec<String>,
    /// Treat warnings as errors.
    #[arg(long)]
    strict: bool,
    /// Accept one kind of warning, by the name in its brackets. Repeat it for several.
    #[arg(long, value_name = "NAME", value_parser = FindingKind::warning)]
    allow: Vec<FindingKind>,
    /// Read keys and secrets from the environment, as the filters read them from Envoy's, and the files that
    /// the configuration names.
    #[arg(long)]
    environment: bool,
    /// Ask this Envoy whether it knows everything that the files use, and has what the modules need.
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    envoy: Option<String>,
    /// How to print the result.
    #[arg(long, value_enum, default_value = "text")]
    format: ReportFormat,
}

impl CheckArguments {
    /// Returns the arguments to check the file of a new gateway. Warnings are printed: they are about values
    /// that the user gave.
    pub(crate) fn for_new_gateway(file: String) -> Self {
        CheckArguments {
            files: vec![file],
            strict: false,
            allow: Vec::new(),
            environment: false,
            envoy: None,
            format: ReportFormat::Text,
        }
    }
}

/// Checks the files, prints the result, and returns the exit code.
pub(crate) fn run(arguments: &CheckArguments) -> ExitCode {
    let (files, mut findings) = file::read_all(&arguments.files);
    findings.extend(check(&files, arguments.environment));
    let envoy = arguments.envoy.as_deref().and_then(|file| ask(file, &files, &mut findings));
    findings.retain(|finding| !arguments.allow.contains(&finding.kind));
    findings.sort_by_key(|finding| {
        let Location { file, path, .. } = &finding.location;
        (*file, files.get(*file).and_then(|file| file.position(path)))
    });
    match arguments.format {
        ReportFormat::Text => report::print_text(&files, &findings, envoy.as_ref()),
        ReportFormat::Json => report::print_json(&files, &findings, envoy.as_ref()),
    }
    let is_failure = |finding: &Finding| arguments.strict || finding.kind.level() == Level::Error;
    if findings.iter().any(is_failure) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Asks an Envoy whether it can run the files, and adds why not. None if it is not an Envoy.
fn ask(envoy: &str, files: &[CheckedFile], findings: &mut Vec<Finding>) -> Option<EnvoyProgram> {
    match EnvoyProgram::ask(envoy) {
        Ok(program) => {
            findings.extend(envoy_program::findings(&program, files));
            Some(program)
        }
        Err(text) => {
            findings.push(Finding::new(FindingKind::NotEnvoy, Location::default(), text));
            None
        }
    }
}

/// Returns all errors and warnings about files that could be read.
fn check(files: &[CheckedFile], environment: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (with_resources, alone): (Vec<&CheckedFile>, Vec<&CheckedFile>) =
        files.iter().partition(|file| resource::all([*file]).next().is_some());
    let (of_istio, of_gateway): (Vec<&CheckedFile>, Vec<&CheckedFile>) = with_resources
        .into_iter()
        .partition(|file| resource::all([*file]).any(resource::Resource::is_of_istio));
    for together in [of_istio, of_gateway] {
        check_together(&together, environment, &mut findings);
    }
    for file in alone {
        check_together(&[file], environment, &mut findings);
    }
    let resources: Vec<resource::Resource<'_>> = resource::all(files).collect();
    let documents: Vec<&FoundDocument> = files.iter().flat_map(|file| &file.contents.found).collect();
    findings.extend(kubernetes_secrets::findings(&resources, &documents));
    let values = || files.iter().flat_map(|file| &file.contents.values).map(|found| &found.value);
    let names: Vec<String> = values().flat_map(key_file::read_names).collect();
    let is_key_file =
        |file: &&CheckedFile| file.contents.values.iter().any(|found| key_file::is_key_file(&found.value));
    for file in files.iter().filter(is_key_file) {
        findings.extend(key_file::findings(file, &names));
    }
    findings.extend(files.iter().flat_map(CheckedFile::repeated_names));
    findings.extend(without_document(files, &is_key_file));
    findings
}

/// Returns the error about files without any document, or about one with nothing to check in it.
fn without_document(files: &[CheckedFile], is_key_file: &dyn Fn(&&CheckedFile) -> bool) -> Vec<Finding> {
    let finding =
        |file: &CheckedFile, text: String| Finding::new(FindingKind::NoDocument, file.base("").at(""), text);
    if let Some(first) = files.first()
        && files.iter().all(|file| file.is_read && file.contents.found.is_empty() && !is_key_file(&file))
    {
        let sections = config::SECTION_NAMES.join("` or `");
        let text = format!("there is no Tollgate document in it: one has `plans` and a section `{sections}`");
        return vec![finding(first, text)];
    }
    let has_fields = |file: &CheckedFile| file.contents.values.iter().any(|found| found.value.is_object());
    let text = "nothing in it can be checked: it is empty, or has no fields";
    files
        .iter()
        .filter(|file| file.is_read && !has_fields(file))
        .map(|file| finding(file, text.to_owned()))
        .collect()
}

/// Checks files that describe one gateway.
fn check_together(files: &[&CheckedFile], environment: bool, findings: &mut Vec<Finding>) {
    let documents = distinct_documents(files);
    for (file, found) in &documents {
        let base = file.base(&found.location);
        let errors = errors(file, found, environment);
        if errors.is_empty() {
            findings.extend(document::warnings(base, &found.document));
        }
        findings.extend(errors);
        if environment {
            findings.extend(environment::placeholders(base, &found.document, &environment::variable));
        }
    }
    if let [(file, first), (_, second), ..] = documents[..] {
        let text = "this document differs from the one before it; give all filters the same, or they disagree about plans";
        let shown = |found: &FoundDocument| match found.location.as_str() {
            "" => "the whole file".to_owned(),
            location => file.base("").at(location).shown,
        };
        let shown = format!("{} and {}", shown(first), shown(second));
        let location = Location { shown, ..file.base(&second.location).at("") };
        findings.push(Finding::new(FindingKind::DocumentsDiffer, location, text));
    }
    let all: Vec<&Value> = documents.iter().map(|(_, found)| &found.document).collect();
    for file in files {
        for (number, value) in file.contents.values.iter().enumerate() {
            let base = file.base(&value.location);
            let of_value = file.contents.found.iter().filter(|found| found.within == number);
            let named = callouts::clusters(of_value.map(|found| (*file, found)));
            findings.extend(envoy::findings(base, &value.value, &named));
            findings.extend(bootstrap::findings(base, &value.value));
            findings.extend(destinations::findings(base, &value.value));
            findings.extend(misspelled::findings(base, &value.value));
            if environment {
                findings.extend(named_files::findings(base, &value.value));
            }
            routes::add(routes::of_envoy(base, &value.value), &all, findings);
        }
        findings.extend(example::placeholders(file));
    }
    let resources: Vec<resource::Resource<'_>> = resource::all(files.iter().copied()).collect();
    let found = files.iter().flat_map(|file| file.contents.found.iter().map(|found| (*file, found)));
    let named = callouts::clusters(found);
    findings.extend(unserved::findings(files, &resources, &documents));
    findings.extend(cors::findings(files, &all));
    findings.extend(istio::findings(&resources, &named));
    findings.extend(istio::selectors::findings(&resources));
    findings.extend(envoy_gateway::findings(&resources, &named));
    routes::add(routes::of_resources(&resources), &all, findings);
}

/// Returns the documents in the files, each once: Envoy's own file contains it once per filter.
fn distinct_documents<'a>(files: &[&'a CheckedFile]) -> Vec<(&'a CheckedFile, &'a FoundDocument)> {
    let mut documents: Vec<(&CheckedFile, &FoundDocument)> = Vec::new();
    for file in files {
        for found in &file.contents.found {
            if documents.iter().all(|(_, before)| before.document != found.document) {
                documents.push((file, found));
            }
        }
    }
    documents
}

/// Returns the value at a pointer (RFC 6901), or null if there is none.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// Returns the errors that the filters would report.
fn errors(file: &CheckedFile, found: &FoundDocument, environment: bool) -> Vec<Finding> {
    let json = found.json();
    let base = file.base(&found.location);
    if let Err(errors) = config::check(json.as_bytes()) {
        let finding = |error: config::ConfigError| {
            let location = base.at(&error.path);
            let text = config::ConfigError { path: String::new(), ..error }.to_string();
            Finding::new(FindingKind::InvalidDocument, location, text)
        };
        return errors.into_iter().map(finding).collect();
    }
    match environment {
        true => environment::errors(base, json.as_bytes(), &environment::variable),
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
