//! Links have targets: the files exist, and so do the headings after `#`. The files that pages name exist
//! too.

use crate::pages::{Page, all};
use std::path::{Component, Path, PathBuf};
use tollgate_tests::install::workspace;

#[test]
fn every_link_has_a_file_and_a_heading() {
    let pages = all();
    let mut broken = Vec::new();
    for page in &pages {
        for link in &page.links {
            if let Err(why) = follow(page, &link.target, &pages) {
                broken.push(format!("{}: {}: {why}", link.location, link.target));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(pages.iter().any(|page| !page.links.is_empty()));
}

#[test]
fn every_page_is_in_the_index_of_its_folder() {
    let pages = all();
    let mut missing = Vec::new();
    for page in &pages[1..] {
        let index = index_of(&page.path);
        let links = pages.iter().find(|page| page.path == index).map_or(&[][..], |index| &index.links);
        let mut linked = links.iter().filter_map(|link| resolve(&index, link.target.split('#').next()?));
        if !linked.any(|path| path == page.path) {
            missing.push(format!("{} has no link to {}", index.display(), page.path.display()));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Returns the index of a page: README.md for the pages of `docs/`, and a folder's own README.md for the
/// others in the folder.
fn index_of(page: &Path) -> PathBuf {
    match page.parent() {
        Some(folder) if folder.parent() == Some(Path::new("docs")) && !page.ends_with("README.md") => {
            folder.join("README.md")
        }
        _ => PathBuf::from("README.md"),
    }
}

/// Checks the paths from the repository's root in sentences (`filter/core/src/machine.rs`), and in the map of
/// ARCHITECTURE.md.
#[test]
fn every_path_that_a_page_names_exists() {
    let pages = all();
    let map = pages.iter().find(|page| page.path == Path::new("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let map =
        map.blocks.iter().flat_map(|block| block.text.split_whitespace().map(|word| (&block.location, word)));
    let code =
        pages.iter().flat_map(|page| page.code.iter().map(|code| (&code.location, code.text.as_str())));
    let paths: Vec<_> = code.chain(map).filter(|(_, text)| is_path(text)).collect();
    let lost: Vec<_> = paths.iter().filter(|(_, path)| !workspace::file(path).exists()).collect();
    assert!(lost.is_empty(), "there is no {lost:#?}");
    assert!(paths.len() > 40, "only {} paths were found", paths.len());
}

/// Returns whether a text can only be a path of the repository.
fn is_path(text: &str) -> bool {
    const FOLDERS: [&str; 8] =
        [".ci/", ".github/", "docs/", "envoy/", "filter/", "fuzz/", "playground/", "tests/"];
    FOLDERS.iter().any(|folder| text.starts_with(folder)) && !text.contains(['*', '$', '<', '…', ' '])
}

fn follow(page: &Page, target: &str, pages: &[Page]) -> Result<(), String> {
    if target.starts_with("https://") {
        return Ok(());
    }
    if target.contains("://") {
        return Err("neither https nor a file of the repository".to_owned());
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { Some(page.path.clone()) } else { resolve(&page.path, file) };
    let path = path.ok_or("it leaves the repository")?;
    if !workspace::root().join(&path).exists() {
        return Err(format!("there is no {}", path.display()));
    }
    let Some(anchor) = anchor else { return Ok(()) };
    let target = pages.iter().find(|page| page.path == path).ok_or("only pages have headings")?;
    let known = target.anchors.contains(anchor);
    if known { Ok(()) } else { Err(format!("no such heading; there are {:?}", target.anchors)) }
}

/// Resolves a link of a page to a path from the repository's root.
fn resolve(page: &Path, link: &str) -> Option<PathBuf> {
    let mut path = page.parent()?.to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(path)
}
