//! Tests that Envoy accepts the parts of its configuration on the pages, instead of the parts in the shipped
//! file.

use crate::pages::all_blocks;
use crate::yaml::{documents, is_bootstrap, merge};
use tollgate_tests::install::modules::Modules;
use tollgate_tests::processes::envoy::Standalone;

#[tokio::test]
async fn envoy_accepts_each_part_of_its_configuration_on_a_page() {
    for block in all_blocks().iter().filter(|block| block.language == "yaml") {
        for part in documents(block).expect("YAML").into_iter().filter(is_bootstrap) {
            let edited = Standalone::load().modules(Modules::build()).edit(|config| merge(config, part));
            let validation = edited.validate().await;
            assert!(validation.accepted, "{}: {}", block.location, validation.log);
        }
    }
}

/// Checks the README's document, which differs from the shipped one, and with which most users start.
#[tokio::test]
async fn envoy_accepts_the_readmes_document() {
    let shown = crate::yaml::readme_document();
    // The README's document has no billing endpoints.
    let shipped = Standalone::load().modules(Modules::build());
    let without_optional = shipped.without_filter("billing").without_filter("clerk_webhook");
    let edited = without_optional.document(|document| *document = shown);
    let validation = edited.validate().await;
    assert!(validation.accepted, "{}", validation.log);
}
