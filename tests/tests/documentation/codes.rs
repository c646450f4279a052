//! The page about the gate: its table has every code of a problem that the gate sends, and no other.

use std::collections::BTreeSet;
use tollgate_tests::install::workspace;

/// The sources that make the gate's problems. The driver's `internal_error` has the string of an alarm.
const SOURCES: [&str; 2] = ["filter/core/src/gate/refusal.rs", "filter/core/src/auth/error.rs"];
/// The codes of refused tokens, each as `TokenCode::Variant => "code"`.
const TOKEN_CODES: &str = "filter/core/src/auth/token/error.rs";

/// Returns the texts in quotes that directly follow an occurrence of `before`, after a first argument if
/// there is one.
fn quoted_after(source: &str, before: &str, has_argument: bool) -> BTreeSet<String> {
    let after = source.split(before).skip(1).filter_map(|rest| match has_argument {
        true => rest.split_once(',').map(|(_, rest)| rest),
        false => Some(rest),
    });
    let code = after.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"'));
    code.map(|(code, _)| code.to_owned()).collect()
}

/// Returns the codes in the table: of each row, those before the colon of an explanation.
fn listed(page: &str) -> BTreeSet<String> {
    let (_, table) = page.split_once("Every `code` of the gate:").expect("the table");
    let (table, _) = table.split_once("\n`usage_path`").expect("its end");
    let cells = table.lines().filter_map(|line| line.trim_matches('|').split_once(" | "));
    let entries = cells.skip(1).flat_map(|(_, codes)| codes.split([',', ';']).collect::<Vec<_>>());
    let code = entries.filter_map(|entry| entry.trim().strip_prefix('`')?.split_once('`'));
    code.map(|(code, _)| code.to_owned()).collect()
}

#[test]
fn the_gates_page_lists_every_code() {
    let mut sent = BTreeSet::from(["internal_error".to_owned()]);
    for source in SOURCES {
        sent.append(&mut quoted_after(&workspace::text(source), "Problem::new(", true));
    }
    let token_codes = workspace::text(TOKEN_CODES);
    let (_, strings) = token_codes.split_once("fn as_str").expect("the codes' strings");
    sent.append(&mut quoted_after(strings.split("#[cfg(test)]").next().unwrap_or_default(), "=> ", false));
    assert_eq!(listed(&workspace::text("docs/gate.md")), sent);
}
