//! The table of the versions of Envoy: it has those that `cargo compatibility` runs, and the pages name the
//! oldest.

use tollgate_tests::install::workspace;
use tollgate_tests::processes::envoy::{TRIED_VERSIONS, oldest};

const PAGE: &str = "docs/platforms.md";
/// The first cell of the row of versions that are too old.
const TOO_OLD: &str = "1.36.4";

/// Returns the cells of the table.
fn rows(page: &str) -> Vec<Vec<String>> {
    let (_, chapter) = page.split_once("\n## Versions of Envoy\n").expect("the chapter");
    let chapter = chapter.split("\n## ").next().unwrap_or_default();
    let lines = chapter.lines().filter(|line| line.starts_with("| 1."));
    lines.map(|line| line.trim_matches(['|', ' ']).split(" | ").map(str::to_owned).collect()).collect()
}

#[test]
fn the_table_has_each_version_and_what_runs_on_it() {
    let page = workspace::text(PAGE);
    let rows = rows(&page);
    let listed: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let tried = TRIED_VERSIONS.map(|version| version.number);
    assert_eq!(listed, [&[TOO_OLD][..], &tried].concat());
    for (row, version) in rows.iter().skip(1).zip(TRIED_VERSIONS) {
        for (cell, without) in [(&row[1], version.without_wasm), (&row[2], version.without_native)] {
            assert_eq!(cell.starts_with("accepted"), without.is_none(), "{row:?}");
        }
    }
    assert!(rows[0][1].starts_with("refused"), "{:?}", rows[0]);
}

#[test]
fn the_pages_name_the_oldest_version() {
    let (minor, _) = oldest(false).rsplit_once('.').expect("a patch version");
    for file in ["README.md", PAGE, "envoy/standalone.yaml"] {
        let text = workspace::text(file);
        assert!(text.contains(&format!("{minor} or later")), "{file} does not say {minor} or later");
    }
}
