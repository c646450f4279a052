//! The client for frontends in `playground/`: the pages show its code as it is, and name everything that it offers.

use crate::code::{nodes, with_tree};
use crate::pages::{Block, all_blocks, read};
use std::collections::BTreeSet;
use tollgate_tests::install::workspace;
use tree_sitter::Node;

const CLIENT: &str = "playground/tollgate.js";
const PAGE: &str = "docs/billing.md";
const HEADING: &str = "A frontend";

#[test]
fn code_of_a_file_is_shown_as_it_is_there() {
    let mut shown = 0;
    for block in all_blocks() {
        let Some(path) = block.context.as_deref().filter(|context| context.starts_with("playground/")) else {
            continue;
        };
        assert!(has_lines(&workspace::text(path), &block), "{}: {path} has no such lines", block.location);
        shown += 1;
    }
    assert!(shown >= 3, "only {shown} blocks are from playground/");
}

/// Returns whether a file has the lines of a block, one after the other, in its code or in a comment.
fn has_lines(file: &str, block: &Block) -> bool {
    let in_file: Vec<_> = file.lines().map(without_margin).collect();
    let in_block: Vec<_> = block.text.lines().map(without_margin).collect();
    in_file.windows(in_block.len()).any(|lines| lines == in_block)
}

fn without_margin(line: &str) -> &str {
    let line = line.trim();
    line.strip_prefix("* ").unwrap_or(line).trim_start()
}

#[test]
fn the_page_names_everything_that_the_client_offers() {
    let page = read(PAGE);
    let code = || page.code.iter().filter(|code| code.heading == HEADING).map(|code| code.text.as_str());
    let called =
        code().filter_map(|code| Some(code.strip_prefix("tollgate.")?.split_once('(')?.0.to_owned()));
    let words: BTreeSet<_> = code().map(str::to_owned).collect();

    let client = Client::read();
    assert_eq!(called.collect::<BTreeSet<_>>(), client.methods, "the methods of Tollgate");
    let unnamed: Vec<_> = client.refusal_members.difference(&words).collect();
    assert!(unnamed.is_empty(), "members of TollgateRefusal that the page does not name: {unnamed:?}");
    for name in ["code", "upgradeUrl", "waitUntil"] {
        assert!(client.refusal_members.contains(name), "{name}: {:?}", client.refusal_members);
    }
}

/// Data from outside must become text: a name at Clerk, a product at Stripe, or an answer may contain markup.
#[test]
fn the_playground_never_writes_markup() {
    let writers =
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "setHTMLUnsafe", "document.write", "DOMParser"];
    let mut scripts = 0;
    for entry in std::fs::read_dir(workspace::file("playground")).expect("playground/") {
        let file = format!("playground/{}", entry.expect("an entry").file_name().to_str().expect("UTF-8"));
        let text = workspace::text(&file);
        let written: Vec<_> = writers.iter().filter(|writer| text.contains(**writer)).collect();
        assert!(written.is_empty(), "{file}: {written:?}");
        scripts += usize::from(file.ends_with(".js"));
    }
    assert!(scripts >= 3, "only {scripts} scripts");
}

/// What the client offers.
#[derive(Default)]
struct Client {
    methods: BTreeSet<String>,
    refusal_members: BTreeSet<String>,
}

impl Client {
    fn read() -> Client {
        let text = workspace::text(CLIENT);
        let language = tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into();
        with_tree(&language, &text, |root| {
            let mut client = Client::default();
            for class in nodes(root).into_iter().filter(|node| node.kind() == "class_declaration") {
                match field(class, "name", &text) {
                    "Tollgate" => client.methods = methods(class, &text),
                    "TollgateRefusal" => client.refusal_members = members(class, &text),
                    _ => {}
                }
            }
            client
        })
    }
}

/// Returns the names of the methods that a caller can call.
fn methods(class: Node<'_>, text: &str) -> BTreeSet<String> {
    let methods = nodes(class).into_iter().filter(|node| node.kind() == "method_definition");
    let names = methods.map(|method| field(method, "name", text).to_owned());
    names.filter(|name| name != "constructor" && !name.starts_with('#')).collect()
}

/// Returns the members that the constructor sets, except those of every error.
fn members(class: Node<'_>, text: &str) -> BTreeSet<String> {
    let set = nodes(class).into_iter().filter(|node| node.kind() == "assignment_expression");
    let names = set.filter_map(|set| field(set, "left", text).strip_prefix("this.").map(str::to_owned));
    names.filter(|name| name != "name").collect()
}

fn field<'t>(node: Node<'_>, name: &str, text: &'t str) -> &'t str {
    node.child_by_field_name(name).map_or("", |child| &text[child.byte_range()])
}
