//! The page about the command: what it shows as the output of `tollgate check` is its output.

use crate::pages::read;
use std::process::Command;
use tollgate_tests::install::command;

/// Returns the README's document as it is written there, so that lines and columns are its own.
fn readme_document() -> String {
    let blocks = read("README.md").blocks.into_iter();
    blocks.filter(|block| block.language == "yaml").map(|block| block.text).next().expect("a document")
}

/// Returns the commands of a console block, each with the lines that it prints.
fn commands(session: &str) -> Vec<(&str, Vec<&str>)> {
    let each = session.split("$ ").skip(1).map(str::lines);
    each.map(|mut lines| (lines.next().unwrap_or_default(), sorted(lines))).collect()
}

/// Errors and warnings go to standard error, the result to standard output: their order is not fixed.
fn sorted<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_output_of_check_on_its_page_is_the_real_one() {
    let page = read("docs/command.md");
    let block = page.blocks.iter().find(|block| block.text.contains("$ tollgate check"));
    let shown = commands(&block.expect("a session").text);
    assert_eq!(shown.len(), 2, "a valid document and an invalid one");

    let folder = tempfile::tempdir().expect("a directory");
    let document = readme_document();
    let misspelled = document.replace("limit: asks}", "limit: ask}");
    assert_ne!(document, misspelled);
    for (name, text) in [("tollgate.yaml", document), ("misspelled.yaml", misspelled)] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let programs = command::built().parent().expect("a folder").display();
    for (command, lines) in shown {
        let mut bash = Command::new("bash");
        bash.args(["-c", &format!("PATH={programs}:$PATH; {command} 2>&1")]).current_dir(folder.path());
        let out = bash.env("NO_COLOR", "1").output().expect("bash");
        let text = String::from_utf8(out.stdout).expect("UTF-8");
        assert_eq!(sorted(text.lines()), lines, "{command}");
    }
}
