//! The reference of the configuration: its tables agree with the schema, and its defaults are the real ones.

use crate::pages::read;
use crate::yaml::documents;
use serde_json::Value;
use std::collections::BTreeSet;
use tollgate_core::config;
use tollgate_tests::install::workspace;
use tollgate_tests::processes::envoy::EXAMPLE_CLERK_JWT_KEY;

const PAGE: &str = "docs/configuration.md";
/// Generated from the types that the filters read the document into; a test of the command checks that.
const SCHEMA: &str = "envoy/tollgate.schema.json";

/// The schema types of the chapters that are not about a filter; the first is the document itself.
const CHAPTERS: [(&str, &str); 5] = [
    ("## The document", ""),
    ("## plans", "/$defs/Plan"),
    ("## checkout", "/$defs/Checkout"),
    ("## rules", "/$defs/Rule"),
    ("## APIs", "/$defs/Upstream"),
];

/// Returns all chapters: those, and one for each filter's section.
fn chapters(schema: &Value) -> Vec<(String, String)> {
    let section = |name: &&str| {
        let of = schema["properties"][name]["anyOf"][0]["$ref"].as_str().expect("a section's type");
        (format!("## {name}"), of.trim_start_matches('#').to_owned())
    };
    let others = CHAPTERS.iter().map(|(heading, of)| ((*heading).to_owned(), (*of).to_owned()));
    others.chain(config::SECTION_NAMES.iter().map(section)).collect()
}

/// A row of a table of fields.
struct Row {
    fields: Vec<String>,
    values: String,
    default: String,
}

/// Returns the rows of the first table below a heading.
fn rows(page: &str, heading: &str) -> Vec<Row> {
    let (_, section) =
        page.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("{PAGE} has no {heading}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(" | ").collect();
        let fields = cells[0].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Row { fields, values: cells[1].to_owned(), default: cells[2].to_owned() }
    };
    lines.map(row).collect()
}

/// Returns the values that a field may have, if the schema lists them.
fn listed<'a>(schema: &'a Value, property: &'a Value) -> Vec<&'a str> {
    let reference = property["$ref"].as_str().or_else(|| property["anyOf"][0]["$ref"].as_str());
    let of =
        reference.and_then(|reference| schema.pointer(reference.trim_start_matches('#'))).unwrap_or(property);
    let choices = of["oneOf"].as_array().into_iter().flatten().filter_map(|choice| choice["const"].as_str());
    of["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).chain(choices).collect()
}

#[test]
fn the_reference_agrees_with_the_schema() {
    let page = workspace::text(PAGE);
    let schema: Value = serde_json::from_str(&workspace::text(SCHEMA)).expect(SCHEMA);
    let mut checked = 0;
    for (heading, pointer) in chapters(&schema) {
        let of = schema.pointer(&pointer).unwrap_or_else(|| panic!("{SCHEMA} has no {pointer}"));
        let properties = of["properties"].as_object().expect("properties");
        let rows = rows(&page, &heading);
        let documented: BTreeSet<&str> =
            rows.iter().flat_map(|row| &row.fields).map(String::as_str).collect();
        assert_eq!(documented, properties.keys().map(String::as_str).collect(), "{heading}");
        for row in &rows {
            for field in &row.fields {
                let required =
                    of["required"].as_array().into_iter().flatten().any(|name| name == field.as_str());
                assert_eq!(row.default == "required", required, "{heading}: {field}");
                for value in listed(&schema, &properties[field]) {
                    assert!(row.values.contains(&format!("`{value}`")), "{heading}: {field}: no `{value}`");
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "only {checked} fields were found");
}

#[test]
fn the_documented_defaults_are_the_real_ones() {
    let blocks = read(PAGE).blocks;
    let [without, with] = [0, 1].map(|n| documents(&blocks[n]).expect("YAML").remove(0));
    let environment = |name: &str| match name {
        "STRIPE_WEBHOOK_SECRET" => Some("whsec_example".to_owned()),
        "CLERK_WEBHOOK_SIGNING_SECRET" => Some("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".to_owned()),
        "CLERK_JWT_KEY" => Some(EXAMPLE_CLERK_JWT_KEY.to_owned()),
        _ => None,
    };
    let [without, with] = [without, with].map(|document| {
        let document = serde_json::to_vec(&document).expect("JSON");
        let each = config::read_each(&document, &environment).into_iter();
        each.map(|read| format!("{:#?}", read.unwrap_or_else(|e| panic!("{e}")))).collect::<Vec<_>>()
    });
    assert_eq!(without.len(), config::SECTION_NAMES.len(), "the page shows every section");
    assert_eq!(without, with);
}

/// The default of `authorized_parties` is no origin, with which no token could pass.
#[test]
fn an_origin_is_required_unless_tokens_need_not_name_one() {
    let check = |require_azp: bool| {
        let mut document = crate::yaml::readme_document();
        let gate = document["plan_gate"].as_mapping_mut().expect("a section");
        gate.remove("authorized_parties");
        gate.insert("require_azp".into(), require_azp.into());
        config::check(&serde_json::to_vec(&document).expect("JSON"))
    };
    let errors = check(true).expect_err("no token could pass");
    assert!(errors[0].to_string().starts_with("plan_gate.authorized_parties: "), "{errors:?}");
    assert_eq!(check(false), Ok(()));
}
