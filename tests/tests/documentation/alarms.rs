//! The page about alarms: it has every code, and no other.

use std::collections::BTreeSet;
use tollgate_core::alarm::AlarmCode;
use tollgate_tests::install::workspace;

#[test]
fn the_page_has_every_alarm_once_with_its_meaning_and_fix() {
    let page = workspace::text("docs/alarms.md");
    let (_, tables) = page.split_once("\n## ").expect("chapters");
    let mut listed = BTreeSet::new();
    for line in tables.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [code, meaning, fix] = cells[..] else { panic!("not three cells: {line}") };
        assert!(!meaning.is_empty() && !fix.is_empty(), "{line}");
        assert!(listed.insert(code.trim_matches('`').to_owned()), "twice: {code}");
    }
    let known: BTreeSet<String> = AlarmCode::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(listed, known);
}
