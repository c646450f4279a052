//! The report of a check: lines like a compiler's for people, JSON for programs.

use super::CheckedFile;
use super::envoy_program::EnvoyProgram;
use super::finding::{Finding, FindingKind, Level};
use super::input::positions::Position;
use crate::terminal::{ERROR, NOTE, POSITION, WARNING, counted, print_error_line, print_line, styled};
use serde_json::{Value, json};

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ReportFormat {
    /// One line for each error and warning, like a compiler's.
    Text,
    /// One JSON object.
    Json,
}

/// Prints the findings, which are sorted by file, and one line for each file. The last line is about the Envoy
/// that was asked, if it can run them.
pub(super) fn print_text(files: &[CheckedFile], findings: &[Finding], envoy: Option<&EnvoyProgram>) {
    for finding in findings {
        let (style, level) = match finding.kind.level() {
            Level::Error => (ERROR, "error"),
            Level::Warning => (WARNING, "warning"),
        };
        let at = styled(POSITION, format_args!("{}:", position_text(files, finding)));
        let name = styled(style, format_args!("{level}[{}]", finding.kind.as_str()));
        print_error_line!("{at} {name}: {}", message(finding));
    }
    for (number, file) in files.iter().enumerate() {
        let of_file = |level: Level| {
            let is_of = |finding: &&Finding| finding.location.file == number && finding.kind.level() == level;
            findings.iter().filter(is_of).count()
        };
        let name = &file.name;
        if file.is_example {
            let note = styled(NOTE, "note");
            print_error_line!("{name}: {note}: this is the file as shipped; change the lines marked CHANGE");
        }
        if of_file(Level::Error) > 0 {
            continue;
        }
        let warnings = counted(of_file(Level::Warning), "warning");
        match file.documents().as_slice() {
            [] => print_line!("{name}: {warnings}; it has no Tollgate document"),
            [""] => print_line!("{name}: valid, {warnings} (the whole file)"),
            documents => print_line!("{name}: valid, {warnings} ({})", counted(documents.len(), "document")),
        }
    }
    if let Some(envoy) = envoy
        && can_run(findings)
    {
        let is_alone = |file: &CheckedFile| file.documents().iter().any(|location| location.is_empty());
        if files.iter().all(is_alone) {
            print_line!("{envoy}: the document alone does not depend on it; check the file that Envoy loads");
        } else {
            print_line!("{envoy} knows everything that the files use");
        }
    }
}

/// Returns whether no finding says that the Envoy that was asked cannot run the files.
fn can_run(findings: &[Finding]) -> bool {
    const CANNOT: [FindingKind; 3] =
        [FindingKind::NotEnvoy, FindingKind::RefusedByEnvoy, FindingKind::MissingRuntime];
    !findings.iter().any(|finding| CANNOT.contains(&finding.kind))
}

/// Prints the findings as one JSON object.
pub(super) fn print_json(files: &[CheckedFile], findings: &[Finding], envoy: Option<&EnvoyProgram>) {
    print_line!("{:#}", to_json(files, findings, envoy));
}

fn to_json(files: &[CheckedFile], findings: &[Finding], envoy: Option<&EnvoyProgram>) -> Value {
    let diagnostic = |finding: &Finding| {
        let position = position(files, finding);
        json!({
            "level": finding.kind.level().as_str(),
            "name": finding.kind.as_str(),
            "file": files.get(finding.location.file).map(|file| &file.name),
            "line": position.map(|position| position.line),
            "column": position.map(|position| position.column),
            "path": finding.location.shown,
            "message": finding.text,
        })
    };
    let file = |file: &CheckedFile| json!({"file": file.name, "documents": file.documents(), "as_shipped": file.is_example});
    let count = |level| findings.iter().filter(|finding| finding.kind.level() == level).count();
    json!({
        "diagnostics": findings.iter().map(diagnostic).collect::<Vec<_>>(),
        "files": files.iter().map(file).collect::<Vec<_>>(),
        "envoy": envoy.map(|envoy| json!({
            "file": envoy.file, "version": envoy.version.to_string(), "can_run": can_run(findings),
        })),
        "errors": count(Level::Error),
        "warnings": count(Level::Warning),
    })
}

fn position(files: &[CheckedFile], finding: &Finding) -> Option<Position> {
    files.get(finding.location.file)?.position(&finding.location.path)
}

/// Returns `file:line:column`, or only the file of what has no position.
fn position_text(files: &[CheckedFile], finding: &Finding) -> String {
    let name = files.get(finding.location.file).map(|file| file.name.as_str()).unwrap_or_default();
    match position(files, finding) {
        Some(Position { line, column }) => format!("{name}:{line}:{column}"),
        None => name.to_owned(),
    }
}

fn message(finding: &Finding) -> String {
    match finding.location.shown.as_str() {
        "" => finding.text.clone(),
        shown => format!("{shown}: {}", finding.text),
    }
}
