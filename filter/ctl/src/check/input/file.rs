//! The files of a check, as they are read.

use crate::check::document::example;
use crate::check::finding::{Base, Finding, FindingKind, Location};
use crate::check::input::positions::{Position, Positions};
use crate::document::{Contents, read};
use std::io::Read;

/// A file, with the positions of its values.
#[derive(Debug, Default)]
pub(in crate::check) struct CheckedFile {
    /// The name that the reports use.
    pub(in crate::check) name: String,
    /// Its index.
    pub(in crate::check) index: usize,
    pub(in crate::check) text: String,
    pub(in crate::check) contents: Contents,
    /// Whether its contents could be read.
    pub(in crate::check) is_read: bool,
    /// Whether it is an example that ships with Tollgate, without any change.
    pub(in crate::check) is_example: bool,
    positions: Positions,
}

impl CheckedFile {
    /// Reads a text. What is not YAML has no contents, and an error.
    pub(in crate::check) fn new(index: usize, name: &str, text: String) -> (Self, Option<Finding>) {
        let mut file = CheckedFile { name: name.to_owned(), index, ..CheckedFile::default() };
        let error = match read(&text) {
            Ok(contents) => {
                file.contents = contents;
                file.is_read = true;
                file.positions = Positions::of(&text);
                None
            }
            Err(error) => {
                let at = error.location();
                let at = at.map(|at| Position { line: at.line(), column: at.column() });
                file.positions = Positions::only(at.unwrap_or(Position { line: 1, column: 1 }));
                Some(Finding::new(FindingKind::Syntax, file.base("").at(""), error.to_string()))
            }
        };
        file.is_example = example::is_shipped(&text);
        file.text = text;
        (file, error)
    }

    /// Returns the base of the locations in a value of this file.
    pub(in crate::check) fn base<'a>(&self, location: &'a str) -> Base<'a> {
        Base { file: self.index, location }
    }

    /// Returns the position of a location.
    pub(in crate::check) fn position(&self, location: &str) -> Option<Position> {
        self.positions.of_location(location)
    }

    /// Returns the locations of the Tollgate documents in it.
    pub(in crate::check) fn documents(&self) -> Vec<&str> {
        self.contents.found.iter().map(|found| found.location.as_str()).collect()
    }
}

/// Reads all files, and returns the errors of those that cannot be read.
pub(in crate::check) fn read_all(names: &[String]) -> (Vec<CheckedFile>, Vec<Finding>) {
    let mut files = Vec::new();
    let mut findings = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let shown = if name == "-" { "standard input" } else { name };
        let text = text(name).unwrap_or_else(|error| {
            let location = Location { file: index, ..Location::default() };
            findings.push(Finding::new(
                FindingKind::Unreadable,
                location,
                format!("cannot be read: {error}"),
            ));
            String::new()
        });
        let (file, error) = CheckedFile::new(index, shown, text);
        files.push(file);
        findings.extend(error);
    }
    (files, findings)
}

fn text(name: &str) -> std::io::Result<String> {
    let mut text = String::new();
    match name {
        "-" => std::io::stdin().read_to_string(&mut text).map(|_| text),
        name => std::fs::read_to_string(name),
    }
}
