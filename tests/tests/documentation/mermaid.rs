//! Mermaid diagrams, as far as pages use them: sequence diagrams and flowcharts. GitHub shows an error in
//! place of a diagram that Mermaid cannot parse.

use crate::pages::Block;
use std::collections::BTreeSet;

/// The arrows of a sequence diagram: a request, and a response.
const ARROWS: [&str; 2] = ["-->>", "->>"];
/// The brackets around a node's text: a step, an end, and a decision.
const SHAPES: [(&str, &str); 3] = [("([", "])"), ("[", "]"), ("{", "}")];

/// Checks a diagram.
pub fn check(block: &Block) -> Result<(), String> {
    let mut lines = block.text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    match lines.next() {
        Some((_, "sequenceDiagram")) => sequence(lines),
        Some((_, "flowchart TD")) => flowchart(lines),
        _ => Err("the first line is not a kind of diagram that pages use".to_owned()),
    }
}

fn sequence<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Result<(), String> {
    let mut participants = BTreeSet::new();
    for (number, line) in lines {
        if let Some(declared) = line.strip_prefix("participant ") {
            participants.insert(declared.split(" as ").next().unwrap_or_default());
            continue;
        }
        let arrow = ARROWS.iter().find_map(|arrow| line.split_once(arrow));
        let parts = arrow.and_then(|(from, rest)| Some((from, rest.split_once(": ")?)));
        let (from, (to, text)) = parts.ok_or_else(|| format!("line {number}: not `A->>B: text`"))?;
        for name in [from, to] {
            if !participants.contains(name) {
                return Err(format!("line {number}: {name} is no participant"));
            }
        }
        plain(number, text)?;
    }
    Ok(())
}

fn flowchart<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Result<(), String> {
    let (mut named, mut with_text) = (BTreeSet::new(), BTreeSet::new());
    for (number, line) in lines {
        let (from, to) = line.split_once(" --> ").ok_or_else(|| format!("line {number}: no ` --> `"))?;
        let (from, label) = from.split_once(" -- ").unwrap_or((from, "\"\""));
        let label = label.strip_prefix('"').and_then(|label| label.strip_suffix('"'));
        plain(number, label.ok_or_else(|| format!("line {number}: a label without quotes"))?)?;
        for node in [from, to] {
            let end = node.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(node.len());
            let (id, shape) = node.split_at(end);
            named.insert(id);
            if shape.is_empty() {
                continue;
            }
            let text = SHAPES.iter().find_map(|(open, close)| shape.strip_prefix(open)?.strip_suffix(close));
            let text = text.ok_or_else(|| format!("line {number}: {node} has no known shape"))?;
            plain(number, text.trim_matches('"'))?;
            with_text.insert(id);
        }
    }
    match named.difference(&with_text).next() {
        Some(id) => Err(format!("{id} has no text")),
        None => Ok(()),
    }
}

/// Refuses characters that Mermaid reads as its own.
fn plain(number: usize, text: &str) -> Result<(), String> {
    match text.find(['"', '#', ';', '(', ')', '[', ']', '{', '}', '<', '>', '|']) {
        Some(at) => Err(format!("line {number}: {:?} is Mermaid's own", &text[at..])),
        None => Ok(()),
    }
}
