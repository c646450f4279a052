//! Every code block has a check for its language, and passes it.

use crate::pages::{Block, all_blocks};
use crate::{code, mermaid, shell, yaml};

/// The check of a language. `Err` is the reason why it fails.
type Rule = fn(&Block) -> Result<(), String>;

/// The languages of the pages. Configurations of Envoy are also checked by Envoy, and set-up commands are
/// run.
const RULES: [(&str, Rule); 10] = [
    ("console", shell::check_console),
    ("js", code::typescript),
    ("json", json),
    ("mermaid", mermaid::check),
    ("python", code::python),
    ("sh", shell::check),
    ("ts", code::typescript),
    ("tsx", code::tsx),
    ("http", http),
    ("yaml", yaml::check),
];

#[test]
fn every_block_is_valid_in_its_language() {
    let blocks = all_blocks();
    assert!(blocks.len() > 20, "only {} blocks were found", blocks.len());
    let wrong: Vec<_> = blocks
        .iter()
        .filter_map(|block| Some(format!("{}: {}", block.location, check(block).err()?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_block_without_a_check_or_with_an_error_is_found() {
    let block = |language: &str, text: &str| Block {
        location: "here".to_owned(),
        heading: String::new(),
        language: language.to_owned(),
        context: None,
        text: text.to_owned(),
    };
    for (language, text, why) in [
        ("", "x", "no rule for the language \"\""),
        ("lua", "x", "no rule for the language \"lua\""),
        ("json", "{", "EOF"),
        ("python", "def f(:\n", "line 1"),
        ("ts", "const = 1;", "line 1"),
        ("sh", "if true\n", "bash"),
        ("sh", "frobnicate --now\n", "frobnicate"),
        ("sh", "cargo frobnicate\n", "cargo frobnicate"),
        ("console", "$ frobnicate\ndone\n", "frobnicate"),
        ("console", "done\n", "no command"),
        ("yaml", "a: [", "flow"),
        ("yaml", "somebody: elses\n", "unknown configuration"),
        (
            "yaml",
            "plan_gate: {rules: [{name: x, path: /x, limit: lost}]}\n",
            "no plan defines a limit \"lost\"",
        ),
        ("http", "not a field\n", "not a header field"),
        ("mermaid", "pie\n", "a kind of diagram"),
        ("mermaid", "sequenceDiagram\nparticipant A\nA->>B: x\n", "B is no participant"),
        ("mermaid", "sequenceDiagram\nparticipant A\nA->>A x\n", "line 3"),
        ("mermaid", "flowchart TD\na{yes} --> b[(no]\n", "line 2"),
        ("mermaid", "flowchart TD\na[one] --> b\n", "b has no text"),
    ] {
        let error = check(&block(language, text)).expect_err(text);
        assert!(error.contains(why), "{text:?}: {error}");
    }
}

fn check(block: &Block) -> Result<(), String> {
    let rule = RULES.iter().find(|(language, _)| *language == block.language);
    let (_, rule) = rule.ok_or_else(|| format!("no rule for the language {:?}", block.language))?;
    rule(block)
}

/// Accepts one value, or one per line as in a log.
fn json(block: &Block) -> Result<(), String> {
    let whole = serde_json::from_str::<serde_json::Value>(&block.text);
    let lines = || block.text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
    match whole {
        Err(error) if !lines() => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Accepts header fields, one per line.
fn http(block: &Block) -> Result<(), String> {
    let is_field = |line: &str| {
        line.split_once(": ").is_some_and(|(name, value)| {
            reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_ok()
                && reqwest::header::HeaderValue::from_str(value).is_ok()
        })
    };
    match block.text.lines().find(|line| !is_field(line)) {
        Some(line) => Err(format!("not a header field: {line}")),
        None => Ok(()),
    }
}
