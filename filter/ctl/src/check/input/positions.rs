//! The lines and columns of the values in a file.

use crate::document::{member, value_location};
use crate::field_names::snake_case;
use saphyr_parser::{Event, Parser};
use std::collections::HashMap;

/// A position in a file; both count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::check) struct Position {
    pub(in crate::check) line: usize,
    pub(in crate::check) column: usize,
}

/// The positions of all values of a file, by their locations, which are those of [`crate::document::walk`] with
/// all names in their first form. A member of an object is where its name is.
#[derive(Debug, Default)]
pub(in crate::check) struct Positions {
    by_location: HashMap<String, Position>,
    /// The names that stand a second time in their object, with the position of the first.
    repeated: Vec<(String, Position)>,
}

/// An object or a list that has not ended.
enum Open {
    /// An object, with the name of the member that comes next and its position, and the names before it.
    Object { location: String, name: Option<(String, Position)>, names: HashMap<String, Position> },
    /// A list, with the index of the next item.
    List { location: String, next: usize },
}

impl Positions {
    /// Reads the positions of a text. What comes after an error in the text has none.
    pub(in crate::check) fn of(text: &str) -> Self {
        let events = || Parser::new_from_str(text).map_while(Result::ok);
        let several = events().filter(|(event, _)| matches!(event, Event::DocumentStart(_))).count() > 1;
        let mut positions = HashMap::new();
        let mut repeated = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let mut index = 0_usize;
        for (event, span) in events() {
            let at = Position { line: span.start.line(), column: span.start.col().saturating_add(1) };
            let name = match &event {
                Event::Scalar(text, ..) => Some(text.as_ref()),
                Event::MappingStart(..) | Event::SequenceStart(..) | Event::Alias(_) => None,
                Event::MappingEnd | Event::SequenceEnd => {
                    open.pop();
                    continue;
                }
                Event::DocumentEnd => {
                    index = index.saturating_add(1);
                    continue;
                }
                _ => continue,
            };
            let location = match open.last_mut() {
                None if several => value_location(index),
                None => String::new(),
                Some(Open::List { location, next }) => {
                    let item = format!("{location}[{next}]");
                    *next = next.saturating_add(1);
                    positions.insert(item.clone(), at);
                    item
                }
                Some(Open::Object { location, name: pending, names }) => match pending.take() {
                    Some((name, at)) => {
                        let location = member(location, &name);
                        positions.insert(location.clone(), at);
                        // A merge (`<<`) can be repeated, where it is known.
                        if let Some(first) = names.insert(name.clone(), at)
                            && name != "<<"
                        {
                            repeated.push((location.clone(), first));
                        }
                        location
                    }
                    None => {
                        *pending = Some((name.unwrap_or_default().to_owned(), at));
                        continue;
                    }
                },
            };
            positions.entry(location.clone()).or_insert(at);
            match event {
                Event::MappingStart(..) => {
                    open.push(Open::Object { location, name: None, names: HashMap::new() })
                }
                Event::SequenceStart(..) => open.push(Open::List { location, next: 0 }),
                _ => {}
            }
        }
        let by_location = positions.into_iter().map(|(location, at)| (snake_case(&location), at)).collect();
        Positions { by_location, repeated }
    }

    /// Returns the positions of a file with only one of interest.
    pub(in crate::check) fn only(position: Position) -> Self {
        Positions { by_location: HashMap::from([(String::new(), position)]), repeated: Vec::new() }
    }

    /// Returns the locations of the names that stand a second time in their object, each with the position of
    /// the first.
    pub(in crate::check) fn repeated(&self) -> &[(String, Position)] {
        &self.repeated
    }

    /// Returns the position of a value, or of the nearest value around it: a member that is missing, or that
    /// is written elsewhere and referred to, has none.
    pub(in crate::check) fn of_location(&self, location: &str) -> Option<Position> {
        let location = snake_case(location);
        let mut location = location.as_str();
        loop {
            if let Some(position) = self.by_location.get(location) {
                return Some(*position);
            }
            let end = location.rfind(['.', '['])?;
            location = location.get(..end)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_the_position_of_its_name_or_of_itself() {
        let text = "a: 1\nlist:\n- {b: &x [c, 2]}\n- d: *x\n";
        let json = "{\"a\": 1, \"list\": [\n {\"b\": [\"c\", 2]}]}";
        let several = "a: 1\n---\n# comment\nb:\n  é: {c: 2}\n";
        for (text, location, want) in [
            (text, "a", (1, 1)),
            (text, "list", (2, 1)),
            (text, "list[0]", (3, 3)),
            (text, "list[0].b", (3, 4)),
            (text, "list[0].b[1]", (3, 14)),
            (text, "list[1].d", (4, 3)),
            (text, "list[1].d[1]", (4, 3)),
            (text, "list[0].missing.x", (3, 3)),
            (json, "list[0].b[1]", (2, 14)),
            (several, "document 2.b.é.c", (5, 7)),
            (several, "document 1.a", (1, 1)),
        ] {
            let (line, column) = want;
            assert_eq!(
                Positions::of(text).of_location(location),
                Some(Position { line, column }),
                "{location}"
            );
        }
    }

    #[test]
    fn the_positions_are_those_of_the_values_that_the_command_reads() {
        for file in ["standalone.yaml", "istio/tollgate.yaml", "envoy-gateway/tollgate.yaml"] {
            let path = format!("{}/../../envoy/{file}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let positions = Positions::of(&text);
            let contents = crate::document::read(&text).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            let plans = format!("{}.plans", contents.found[0].location);
            let position = positions.by_location[&snake_case(&plans)];
            assert!(lines[position.line - 1].split_at(position.column - 1).1.starts_with("plans:"), "{file}");
        }
        assert_eq!(Positions::of("a: [").of_location("a").map(|position| position.line), Some(1));
    }
}
