//! Every metric is explained where users look for it.

use crate::exported::Exported;
use tollgate_tests::install::workspace;
use tollgate_tests::processes::gateway::Gateway;

#[tokio::test]
async fn every_metric_of_tollgates_is_in_the_operations_page() {
    let gateway = Gateway::start(|shipped| shipped).await;
    let page = std::fs::read_to_string(workspace::file("docs/operations.md")).expect("docs/operations.md");
    let exported = Exported::by(&gateway.envoy).await;
    let missing: Vec<_> =
        exported.own_names().into_iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert_eq!(missing, [""; 0], "docs/operations.md does not explain them");
}
