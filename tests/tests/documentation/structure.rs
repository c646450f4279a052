//! The form of the pages: each says whom it is for, and long ones link their parts.

use crate::pages::read;
use tollgate_tests::install::workspace;

/// The number of words from which a page links its parts at its beginning.
const LONG: usize = 1_200;

/// The maximum size of a picture.
const PICTURE_BYTES_MAX: u64 = 200_000;

/// Returns the pages of `docs/`. Its folders have a form of their own.
fn paths() -> Vec<String> {
    let listed = std::fs::read_dir(workspace::file("docs")).expect("docs/");
    let names = listed.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut paths: Vec<_> = names.filter(|name| name.ends_with(".md")).map(|n| format!("docs/{n}")).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn each_page_begins_with_whom_it_is_for() {
    for path in paths() {
        let text = workspace::text(&path);
        let first = text.lines().skip(1).find(|line| !line.is_empty()).unwrap_or_default();
        assert!(text.starts_with("# ") && first.starts_with("For "), "{path}: {first}");
    }
}

#[test]
fn long_pages_link_their_parts() {
    let mut long = 0;
    for path in paths().into_iter().chain(["README.md", "ARCHITECTURE.md"].map(str::to_owned)) {
        let text = workspace::text(&path);
        if text.split_whitespace().count() < LONG {
            continue;
        }
        long += 1;
        let (beginning, _) = text.split_once("\n## ").expect("parts");
        let linked: Vec<_> = read(&path).links.into_iter().map(|link| link.target).collect();
        for heading in text.lines().filter_map(|line| line.strip_prefix("## ")) {
            let link = format!("](#{}", crate::pages::anchor(&heading.replace('`', "")));
            assert!(beginning.contains(&format!("{link})")), "{path} begins without a link to {heading:?}");
        }
        assert!(!linked.is_empty(), "{path}");
    }
    assert!(long >= 5, "only {long} pages are long");
}

#[test]
fn the_map_has_each_file_and_folder_of_the_rules() {
    let map = workspace::text("ARCHITECTURE.md");
    let listed = std::fs::read_dir(workspace::file("filter/core/src")).expect("the rules");
    let names = listed.map(|entry| entry.expect("an entry"));
    let names = names.map(|entry| {
        let folder = if entry.path().is_dir() { "/" } else { "" };
        format!("`{}{folder}`", entry.file_name().display())
    });
    let missing: Vec<_> = names.filter(|name| name != "`lib.rs`" && !map.contains(name)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md does not name {missing:?}");
}

#[test]
fn pictures_are_small_and_described() {
    let text = workspace::text("README.md");
    let pictures: Vec<_> = text
        .split("![")
        .skip(1)
        .map(|rest| rest.split_once("](").expect("a description and a file"))
        .map(|(description, rest)| (description, rest.split_once(')').expect("a file").0))
        .collect();
    for (description, file) in &pictures {
        let size = std::fs::metadata(workspace::file(file)).expect("a file").len();
        assert!(size <= PICTURE_BYTES_MAX, "{file} has {size} bytes");
        assert!(description.len() > 40, "{file}: {description}");
    }
    assert_eq!(pictures.len(), 2);
}
