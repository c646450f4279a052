//! Code of applications, parsed by the grammar of its language.

use crate::pages::Block;
use tree_sitter::{Language, Node, Parser};

pub fn python(block: &Block) -> Result<(), String> {
    parses(&tree_sitter_python::LANGUAGE.into(), &block.text)
}

pub fn typescript(block: &Block) -> Result<(), String> {
    parses(&tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(), &block.text)
}

pub fn tsx(block: &Block) -> Result<(), String> {
    parses(&tree_sitter_typescript::LANGUAGE_TSX.into(), &block.text)
}

fn parses(language: &Language, text: &str) -> Result<(), String> {
    with_tree(language, text, |root| match first_error(root) {
        Some(node) => Err(format!("line {} cannot be read", node.start_position().row + 1)),
        None => Ok(()),
    })
}

/// Passes the text's syntax tree to `inspect`.
pub fn with_tree<T>(language: &Language, text: &str, inspect: impl FnOnce(Node<'_>) -> T) -> T {
    let mut parser = Parser::new();
    parser.set_language(language).expect("a grammar of this tree-sitter");
    let tree = parser.parse(text, None).expect("a tree, as there is no time limit");
    inspect(tree.root_node())
}

/// Returns all nodes, parents before their children.
pub fn nodes(root: Node<'_>) -> Vec<Node<'_>> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&node) = found.get(next) {
        found.extend((0..node.child_count()).filter_map(|n| node.child(n)));
        next += 1;
    }
    found
}

fn first_error(root: Node<'_>) -> Option<Node<'_>> {
    let wrong = nodes(root).into_iter().filter(|node| node.is_error() || node.is_missing());
    wrong.min_by_key(|node| node.start_byte())
}
