//! The page about alarms and refusals: each code once in a table, one example of each below its table, and no other.
//!
//! The tests of `filter/core/src/examples.rs` and `filter/driver/src/examples.rs` compare the examples with what the
//! filters write.

use serde_json::{Map, Value};
use std::collections::BTreeSet;
use tollgate_core::alarm::AlarmCode;
use tollgate_core::http::Reply;
use tollgate_core::problem::{Problem, ProblemCode};
use tollgate_tests::install::workspace;

/// The members that any alarm can have.
const OF_ALARMS: [&str; 6] = ["alarm", "event", "subject", "object", "cure", "detail"];

/// The members that every refusal has.
const OF_REFUSALS: [&str; 4] = ["title", "status", "code", "detail"];

/// A code with its row in a table and its example.
struct Entry {
    code: String,
    /// The cells after the code.
    cells: Vec<String>,
    /// The line as written.
    line: String,
    example: Map<String, Value>,
}

impl Entry {
    fn detail(&self) -> &str {
        let detail = self.example["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty(), "no detail: {}", self.line);
        detail
    }

    /// Fails if the example has a member that neither all have nor the row names.
    fn check_members(&self, of_all: &[&str]) {
        let named = |name: &str| self.cells.iter().any(|cell| cell.contains(&format!("`{name}`")));
        let unnamed: Vec<_> =
            self.example.keys().filter(|name| !of_all.contains(&name.as_str()) && !named(name)).collect();
        assert!(unnamed.is_empty(), "the row of {} does not name {unnamed:?}", self.code);
    }
}

/// Returns the entries of the alarms and of the refusals. `code` is in this member of the examples.
fn entries(is_refusal: bool, member: &str) -> Vec<Entry> {
    let page = workspace::text("docs/alarms.md");
    let (_, parts) = page.split_once("\n## ").expect("parts");
    let (alarms, refusals) = parts.split_once("\n## Refusals\n").expect("the refusals");
    let part = if is_refusal { refusals } else { alarms };
    part.split("\n#").flat_map(|chapter| chapter_entries(chapter, member)).collect()
}

/// Returns the entries of a chapter, whose examples are in the order of the rows.
fn chapter_entries(chapter: &str, member: &str) -> Vec<Entry> {
    let rows: Vec<&str> = chapter.lines().filter(|line| line.starts_with("| `")).collect();
    let examples: Vec<&str> = chapter.lines().filter(|line| line.starts_with('{')).collect();
    assert_eq!(rows.len(), examples.len(), "rows and examples of a chapter:\n{chapter}");
    let entry = |(row, line): (&str, &str)| {
        let cells = row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
        let mut cells: Vec<String> = cells.collect();
        assert!(cells.iter().all(|cell| !cell.is_empty()), "an empty cell: {row}");
        let code = cells.remove(0).trim_matches('`').to_owned();
        let example: Map<String, Value> =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(example[member], Value::from(code.as_str()), "the example beside {row}");
        Entry { code, cells, line: line.to_owned(), example }
    };
    rows.into_iter().zip(examples).map(entry).collect()
}

/// Fails unless the entries have each known code once, and no other.
fn check_codes(entries: &[Entry], known: impl Iterator<Item = &'static str>) {
    let known: BTreeSet<&str> = known.collect();
    let listed: BTreeSet<&str> = entries.iter().map(|entry| entry.code.as_str()).collect();
    assert_eq!(listed, known);
    assert_eq!(entries.len(), known.len(), "a code is listed twice");
}

#[test]
fn the_page_has_each_alarm_once_with_an_example() {
    let entries = entries(false, "alarm");
    check_codes(&entries, AlarmCode::ALL.iter().map(|code| code.as_str()));
    for entry in &entries {
        assert_eq!(entry.cells.len(), 2, "the meaning, and what to do: {:?}", entry.cells);
        let cure = entry.example["cure"].as_str().unwrap_or_default();
        let cause = entry.detail().strip_suffix(cure).and_then(|start| start.strip_suffix("; "));
        let is_complete = !cure.is_empty() && cause.is_some_and(|cause| !cause.is_empty());
        assert!(is_complete, "the detail is not the cause and the cure: {}", entry.line);
        let end = format!(r#""cure":{},"detail":{}}}"#, Value::from(cure), Value::from(entry.detail()));
        let start = format!(r#"{{"alarm":"{}","#, entry.code);
        assert!(entry.line.starts_with(&start) && entry.line.ends_with(&end), "the order: {}", entry.line);
        entry.check_members(&OF_ALARMS);
    }
}

#[test]
fn the_page_has_each_refusal_once_with_its_status_and_an_example() {
    let entries = entries(true, "code");
    check_codes(&entries, ProblemCode::ALL.iter().map(|code| code.as_str()));
    for entry in &entries {
        let [status, _, _] = &entry.cells[..] else { panic!("not three cells: {:?}", entry.cells) };
        let digits = status.split(|digit: char| !digit.is_ascii_digit()).next().unwrap_or_default();
        let status: u16 = digits.parse().unwrap_or_else(|error| panic!("{error}: {status}"));
        let code = ProblemCode::ALL.iter().find(|code| code.as_str() == entry.code).expect("a code");
        let body = Reply::from(Problem::new(status, *code, entry.detail())).body;
        let body = String::from_utf8(body).expect("UTF-8");
        let start = body.strip_suffix('}').expect("an object");
        assert!(entry.line.starts_with(start), "not as the filters write it: {}", entry.line);
        entry.check_members(&OF_REFUSALS);
    }
}
