//! The page about the gate: its table has every code of a problem that the gate sends, and no other.

use std::collections::BTreeSet;
use tollgate_core::gate::refusal_codes;
use tollgate_tests::install::workspace;

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
    let sent: BTreeSet<String> = refusal_codes().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(listed(&workspace::text("docs/gate.md")), sent);
}
