//! Links lead somewhere: files are there, and so are the headings behind `#`.

use crate::pages::{Page, all};
use std::path::{Component, Path, PathBuf};
use tollgate_tests::workspace;

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let pages = all();
    let mut broken = Vec::new();
    for page in &pages {
        for link in &page.links {
            if let Err(why) = follow(page, &link.target, &pages) {
                broken.push(format!("{}: {}: {why}", link.place, link.target));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(pages.iter().any(|page| !page.links.is_empty()));
}

#[test]
fn the_readme_leads_to_every_page() {
    let pages = all();
    let readme = &pages[0];
    let linked: Vec<_> = readme
        .links
        .iter()
        .filter_map(|link| resolve(&readme.path, link.target.split('#').next()?))
        .collect();
    let missing: Vec<_> =
        pages[1..].iter().map(|page| &page.path).filter(|path| !linked.contains(path)).collect();
    assert!(missing.is_empty(), "README.md has no link to {missing:?}");
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

/// A link of a page as a path from the repository's root.
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
