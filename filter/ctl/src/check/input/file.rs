//! The files of a check, as they are read.

use crate::check::document::example;
use crate::check::finding::{Base, Finding, FindingKind, Location};
use crate::check::input::positions::{Position, Positions};
use crate::document::{Contents, read};
use std::fmt::Display;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// A file, with the positions of its values.
#[derive(Debug, Default)]
pub(in crate::check) struct CheckedFile {
    /// The name that the reports use.
    pub(in crate::check) name: String,
    /// Its index.
    pub(in crate::check) index: usize,
    pub(in crate::check) contents: Contents,
    /// Whether its contents could be read.
    pub(in crate::check) is_read: bool,
    /// Whether it is an example that ships with Tollgate, without any change.
    pub(in crate::check) is_example: bool,
    positions: Positions,
}

impl CheckedFile {
    /// Reads a text. What is not YAML, or not JSON although it is named so, has no contents, and an error.
    pub(in crate::check) fn new(index: usize, name: &str, text: String) -> (Self, Option<Finding>) {
        let mut file = CheckedFile { name: name.to_owned(), index, ..CheckedFile::default() };
        let error = match (json_error(name, &text), read(&text)) {
            (Some(error), _) => Some(file.syntax_error(error.line(), error.column(), &error)),
            (None, Ok(contents)) => {
                file.contents = contents;
                file.is_read = true;
                file.positions = Positions::of(&text);
                None
            }
            (None, Err(error)) => {
                let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
                Some(file.syntax_error(line, column, &error))
            }
        };
        file.is_example = example::is_shipped(&text);
        (file, error)
    }

    /// Returns the error at a position, which is the only one of the file.
    fn syntax_error(&mut self, line: usize, column: usize, error: &dyn Display) -> Finding {
        self.positions = Positions::only(Position { line, column });
        Finding::new(FindingKind::Syntax, self.base("").at(""), error.to_string())
    }

    /// Returns an error about each name that an object has twice.
    pub(in crate::check) fn repeated_names(&self) -> impl Iterator<Item = Finding> {
        self.positions.repeated().iter().map(|(location, first)| {
            let text = format!(
                "this name is also in line {}: neither YAML nor JSON allows it twice, and which of the two counts depends \
                 on the program that reads it; remove one",
                first.line
            );
            Finding::new(FindingKind::RepeatedName, self.base("").at(location), text)
        })
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
        match text(name) {
            Ok(text) => {
                let (file, error) = CheckedFile::new(index, shown, text);
                files.push(file);
                findings.extend(error);
            }
            Err(error) => {
                let location = Location { file: index, ..Location::default() };
                let text = format!("cannot be read: {}", read_error(&error));
                findings.push(Finding::new(FindingKind::Unreadable, location, text));
                files.push(CheckedFile { name: shown.to_owned(), index, ..CheckedFile::default() });
            }
        }
    }
    (files, findings)
}

/// Returns the error of a file that is named as JSON and is none. What YAML allows beyond JSON, such as a comma
/// before a bracket, the filters refuse.
fn json_error(name: &str, text: &str) -> Option<serde_json::Error> {
    let is_json = Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if is_json { serde_json::from_str::<serde::de::IgnoredAny>(text).err() } else { None }
}

/// Returns why a file cannot be read, and what to do.
fn read_error(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::IsADirectory => "it is a directory; name the files in it".to_owned(),
        ErrorKind::InvalidData => "it is no text in UTF-8; name a file with YAML or JSON".to_owned(),
        ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    }
}

fn text(name: &str) -> std::io::Result<String> {
    let mut text = String::new();
    match name {
        "-" => std::io::stdin().read_to_string(&mut text).map(|_| text),
        name => std::fs::read_to_string(name),
    }
}
