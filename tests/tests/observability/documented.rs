//! docs/operations.md explains every metric.

use crate::exported::Exported;
use tollgate_tests::install::workspace;
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::gateway::Gateway;

#[tokio::test]
async fn the_operations_page_has_every_metric_of_tollgate() {
    let gateway = Gateway::start_build(Standalone::load(), |shipped| shipped).await;
    let page = std::fs::read_to_string(workspace::file("docs/operations.md")).expect("docs/operations.md");
    let exported = Exported::by(&gateway.envoy).await;
    let missing: Vec<_> =
        exported.own_names().into_iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert_eq!(missing, [""; 0], "docs/operations.md does not explain them");
}
