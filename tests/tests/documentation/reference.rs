//! The reference of the configuration: it names every field of the document, and its defaults are those in force.

use crate::pages::read;
use crate::yaml::documents;
use tollgate_core::config;
use tollgate_tests::envoy::EXAMPLE_CLERK_JWT_KEY;
use tollgate_tests::workspace;

const PAGE: &str = "docs/configuration.md";
/// The types that the document is read into.
const TYPES: [&str; 3] = ["mod.rs", "webhook.rs", "gate.rs"];

#[test]
fn the_reference_names_every_field() {
    let page = std::fs::read_to_string(workspace::file(PAGE)).expect(PAGE);
    let mut fields = 0;
    for file in TYPES {
        let source = workspace::file("filter/core/src/config/document").join(file);
        let source = std::fs::read_to_string(source).expect("the document's types");
        // `    pub name: Type,`: only fields are indented so.
        for line in source.lines().filter_map(|line| line.strip_prefix("    pub ")) {
            let (field, _) = line.split_once(':').expect("a field has a type");
            assert!(
                page.contains(&format!("`{field}`")) || page.contains(&format!("{field}: ")),
                "{PAGE}: {field}"
            );
            fields += 1;
        }
    }
    assert!(fields > 50, "only {fields} fields were found");
}

#[test]
fn the_defaults_that_it_shows_are_those_in_force() {
    let blocks = read(PAGE).blocks;
    let [without, with] = [0, 1].map(|n| documents(&blocks[n]).expect("YAML").remove(0));
    let environment = |name: &str| match name {
        "STRIPE_WEBHOOK_SECRET" => Some("whsec_example".to_owned()),
        "CLERK_JWT_KEY" => Some(EXAMPLE_CLERK_JWT_KEY.to_owned()),
        _ => None,
    };
    let [without, with] = [without, with].map(|document| {
        let document = serde_json::to_vec(&document).expect("JSON");
        let webhook = config::webhook(&document, &environment).unwrap_or_else(|e| panic!("{e}"));
        let gate = config::gate(&document, &environment).unwrap_or_else(|e| panic!("{e}"));
        (format!("{webhook:#?}"), format!("{gate:#?}"))
    });
    assert_eq!(without.0, with.0);
    assert_eq!(without.1, with.1);
}
