//! The pages for users, parsed: code blocks, links and headings, each with its location.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tollgate_tests::install::workspace;

/// One page.
pub struct Page {
    /// The path from the repository's root: `docs/gate.md`.
    pub path: PathBuf,
    /// The code blocks, in order.
    pub blocks: Vec<Block>,
    /// The links, in order.
    pub links: Vec<Link>,
    /// Code within sentences, in order.
    pub code: Vec<Code>,
    /// The fragments that can follow `#` in a link to this page.
    pub anchors: BTreeSet<String>,
}

/// A fenced block of code.
#[derive(Clone)]
pub struct Block {
    /// The location for messages: `README.md:31`.
    pub location: String,
    /// The heading above it.
    pub heading: String,
    /// The first word of its fence: `yaml`.
    pub language: String,
    /// The second word of its fence: what a fragment is a part of.
    pub context: Option<String>,
    /// The text between the fences.
    pub text: String,
}

/// A link.
pub struct Link {
    /// The location for messages: `README.md:31`.
    pub location: String,
    /// The target as written.
    pub target: String,
}

/// Code within a sentence.
pub struct Code {
    /// The location for messages: `README.md:31`.
    pub location: String,
    /// The heading above it.
    pub heading: String,
    /// The code as written.
    pub text: String,
}

/// Reads README.md, the other pages beside it, and all pages of `docs/` and of its folders.
pub fn all() -> Vec<Page> {
    let mut docs = pages_of("docs");
    docs.sort_unstable();
    let roots = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
    roots.map(str::to_owned).into_iter().chain(docs).map(|path| read(&path)).collect()
}

fn pages_of(folder: &str) -> Vec<String> {
    let listed = std::fs::read_dir(workspace::file(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut pages = Vec::new();
    for entry in listed {
        let entry = entry.expect("an entry");
        let path = format!("{folder}/{}", entry.file_name().into_string().expect("UTF-8"));
        if entry.file_type().expect("a type").is_dir() {
            pages.append(&mut pages_of(&path));
        } else if path.ends_with(".md") {
            pages.push(path);
        }
    }
    pages
}

/// Returns all blocks of the pages for users. ARCHITECTURE.md has only diagrams.
pub fn all_blocks() -> Vec<Block> {
    let pages = all().into_iter().filter(|page| page.path != Path::new("ARCHITECTURE.md"));
    pages.flat_map(|page| page.blocks).collect()
}

/// Reads one page.
pub fn read(path: &str) -> Page {
    let text =
        std::fs::read_to_string(workspace::file(path)).unwrap_or_else(|e| panic!("cannot read {path}: {e}"));
    parse(Path::new(path), &text)
}

fn parse(path: &Path, text: &str) -> Page {
    let (blocks, links, code) = (vec![], vec![], vec![]);
    let mut page = Page { path: path.to_owned(), blocks, links, code, anchors: BTreeSet::new() };
    let mut heading: Option<String> = None;
    let mut last_heading = String::new();
    let mut block: Option<Block> = None;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let line = text[..range.start].lines().count() + usize::from(text[..range.start].ends_with('\n'));
        let location = format!("{}:{}", path.display(), line.max(1));
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                last_heading = heading.take().unwrap_or_default();
                page.anchors.insert(anchor(&last_heading));
            }
            Event::Start(Tag::CodeBlock(kind)) => block = Some(started(location, &last_heading, &kind)),
            Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(Link { location, target: dest_url.into_string() });
            }
            Event::Text(text) => {
                let into = block.as_mut().map(|block| &mut block.text).or(heading.as_mut());
                into.into_iter().for_each(|into| into.push_str(&text));
            }
            Event::Code(text) => {
                heading.iter_mut().for_each(|heading| heading.push_str(&text));
                page.code.push(Code { location, heading: last_heading.clone(), text: text.into_string() });
            }
            _ => {}
        }
    }
    page
}

fn started(location: String, heading: &str, kind: &CodeBlockKind<'_>) -> Block {
    let words = match kind {
        CodeBlockKind::Fenced(words) => words.to_string(),
        CodeBlockKind::Indented => String::new(),
    };
    let mut words = words.split_whitespace().map(str::to_owned);
    Block {
        location,
        heading: heading.to_owned(),
        language: words.next().unwrap_or_default(),
        context: words.next(),
        text: String::new(),
    }
}

/// Returns the anchor that GitHub gives a heading.
pub fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn a_page_is_parsed() {
    let text =
        "# Tollgate's `gate`, in short\n\n[a](b.md#c)\n\n```yaml plan_gate\nx: 1\n```\n\n    indented\n";
    let page = parse(Path::new("p.md"), text);
    assert_eq!(page.anchors.iter().collect::<Vec<_>>(), ["tollgates-gate-in-short"]);
    assert_eq!((page.code[0].location.as_str(), page.code[0].text.as_str()), ("p.md:1", "gate"));
    assert_eq!((page.links[0].location.as_str(), page.links[0].target.as_str()), ("p.md:3", "b.md#c"));
    let block = &page.blocks[0];
    assert_eq!((block.location.as_str(), block.heading.as_str()), ("p.md:5", "Tollgate's gate, in short"));
    assert_eq!((block.language.as_str(), block.context.as_deref()), ("yaml", Some("plan_gate")));
    assert_eq!(block.text, "x: 1\n");
    assert_eq!(page.blocks[1].language, "", "an indented block has no language, and so no rule");
}
