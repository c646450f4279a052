//! Tests of the files that ship for the command: the nightly job, and the page about it.

use crate::run::Shop;
use serde_json::Value;
use tollgate_tests::install::workspace;

fn cronjob() -> Value {
    let text = std::fs::read_to_string(workspace::file("envoy/cronjob.yaml")).expect("it is shipped");
    serde_norway::from_str(&text).expect("YAML")
}

/// Fails if an object has a member that Kubernetes' API does not have, or lacks a required one.
fn check_members(object: &Value, location: &str, needed: &[&str], others: &[&str]) {
    let members = object.as_object().unwrap_or_else(|| panic!("{location} is not an object"));
    for name in needed {
        assert!(members.contains_key(*name), "{location} lacks {name}");
    }
    for name in members.keys() {
        assert!(
            needed.contains(&name.as_str()) || others.contains(&name.as_str()),
            "{location} may not have {name}"
        );
    }
}

#[test]
fn the_nightly_job_is_a_valid_cronjob_of_batch_v1() {
    let job = cronjob();
    check_members(&job, "the object", &["apiVersion", "kind", "metadata", "spec"], &[]);
    assert_eq!((&job["apiVersion"], &job["kind"]), (&"batch/v1".into(), &"CronJob".into()));
    let spec = &job["spec"];
    let others = [
        "timeZone",
        "concurrencyPolicy",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
        "suspend",
    ];
    check_members(spec, "spec", &["schedule", "jobTemplate"], &others);
    assert_eq!(spec["schedule"].as_str().expect("a text").split(' ').count(), 5);
    assert_eq!(spec["concurrencyPolicy"], "Forbid", "two runs at once would only write twice");
    let template = &spec["jobTemplate"]["spec"];
    check_members(template, "jobTemplate.spec", &["template"], &["backoffLimit", "activeDeadlineSeconds"]);
    let pod = &template["template"]["spec"];
    let others =
        ["securityContext", "terminationGracePeriodSeconds", "automountServiceAccountToken", "volumes"];
    check_members(pod, "pod", &["containers", "restartPolicy"], &others);
    assert!(
        ["Never", "OnFailure"].contains(&pod["restartPolicy"].as_str().expect("a text")),
        "a job's pod ends"
    );
    let [container] = pod["containers"].as_array().expect("a list").as_slice() else {
        panic!("one container")
    };
    check_members(
        container,
        "container",
        &["name", "image", "args"],
        &["envFrom", "volumeMounts", "resources", "securityContext"],
    );
    let volumes: Vec<&str> = pod["volumes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|volume| volume["name"].as_str())
        .collect();
    for mount in container["volumeMounts"].as_array().expect("a list") {
        assert!(volumes.contains(&mount["name"].as_str().expect("a text")), "{mount} is not a volume");
    }
}

#[tokio::test]
async fn the_nightly_job_runs_as_shipped() {
    let shop = Shop::open().await;
    shop.subscriber("a", "price_pro");
    let job = cronjob();
    let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let arguments: Vec<&str> =
        container["args"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let (subcommand, rest) = arguments.split_first().expect("a subcommand");
    assert_eq!(*subcommand, "sync");
    // Only the path of the document differs here.
    let config = rest.iter().position(|argument| *argument == "--config").expect("a document");
    let rest = [&rest[..config], &rest[config + 2..]].concat();
    let output = shop.sync(&rest).await;
    assert_eq!((output.code, output.total("differing")), (Some(0), 1), "{output:?}");
    assert_eq!(shop.clerk.plan("user_a").as_deref(), Some("pro"));
}

#[tokio::test]
async fn the_document_is_found_in_envoys_configuration() {
    let shop = Shop::open().await;
    let envoys = std::fs::read(workspace::file("envoy/standalone.yaml")).expect("it is shipped");
    std::fs::write(shop.file("tollgate.json"), envoys).expect("a file");
    let output = shop.sync(&["--all", "--json"]).await;
    assert_eq!((output.code, output.total("checked")), (Some(0), 0), "{output:?}");
}

#[tokio::test]
async fn the_page_names_every_option_and_every_exit_code() {
    let page = std::fs::read_to_string(workspace::file("docs/sync.md")).expect("it is shipped");
    let help = Shop::open().await.sync(&["--help"]).await.out;
    for option in options(&help).filter(|option| *option != "--help") {
        assert!(page.contains(option), "{option} is in the help and not on the page");
    }
    for option in options(&page) {
        assert!(help.contains(option), "{option} is on the page and not in the help");
    }
    for code in ["0", "1", "2", "3", "130"] {
        assert!(page.contains(&format!("| {code} |")), "{code}");
    }
}

/// Returns every option that a text names.
fn options(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    words.filter(|word| word.starts_with("--") && word.len() > 2 && !word.starts_with("---"))
}
