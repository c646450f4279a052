//! Hundreds of existing subscribers, APIs that fail, and a run that is interrupted.

use crate::run::Shop;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tollgate_tests::fakes::faults::{Fault, HoldPoint, on};

const SUBSCRIBERS: usize = 500;

fn price(n: usize) -> (&'static str, &'static str) {
    if n.is_multiple_of(3) { ("price_ent", "enterprise") } else { ("price_pro", "pro") }
}

async fn shop() -> Shop {
    let shop = Shop::open().await;
    for n in 0..SUBSCRIBERS {
        shop.subscriber(&format!("{n:03}"), price(n).0);
    }
    shop
}

/// Returns how many have the plan that they pay for.
fn in_line(shop: &Shop) -> usize {
    let plan = |n: usize| shop.clerk.plan(&format!("user_{n:03}"));
    (0..SUBSCRIBERS).filter(|n| plan(*n).as_deref() == Some(price(*n).1)).count()
}

fn left(file: &str) -> usize {
    let text = std::fs::read(file).expect("the file of --resume");
    let whole: Value = serde_json::from_slice(&text).expect("whole JSON");
    whole["left"].as_array().expect("a list").len()
}

#[tokio::test]
async fn five_hundred_are_synced_despite_failures_and_an_interruption() {
    let shop = shop().await;
    for (seed, faults) in [(1, shop.stripe.faults()), (2, shop.clerk.faults())] {
        faults.sometimes(0.1, seed, on("*", "/v1/"), Fault::unavailable());
        faults.sometimes(0.05, seed + 10, on("*", "/v1/"), Fault::LoseResponse);
        faults.sometimes(0.05, seed + 20, on("*", "/v1/"), Fault::Reset);
    }
    shop.clerk.faults().next(1, on("GET", "/v1/users"), Fault::clerk_rate_limit(1));
    shop.stripe.faults().next(1, on("GET", "/v1/subscriptions"), Fault::stripe_rate_limit());
    let file = shop.file("left.json");
    let arguments = ["--all", "--apply", "--json", "--resume", &file];
    let first = shop.start(&arguments);
    shop.clerk.log().wait_for_carried_out(100, &on("PATCH", "/v1/users/")).await;
    interrupt(&first);
    let first = shop.ended(first).await;
    assert_eq!(first.code, Some(130), "{first:?}");
    assert!(first.err.contains("to continue: tollgate sync --all"), "{}", first.err);
    let done = in_line(&shop);
    assert!((1..SUBSCRIBERS).contains(&done), "{done} are done");
    assert!(left(&file) >= SUBSCRIBERS - done, "{} left, {done} done", left(&file));
    let second = shop.sync(&arguments).await;
    assert_eq!((second.code, second.total("failed")), (Some(0), 0), "{}", second.err);
    assert_eq!(in_line(&shop), SUBSCRIBERS);
    assert!(!Path::new(&file).exists(), "no subject is left");
    assert!(second.total("checked") < SUBSCRIBERS as u64, "it continued where the first one stopped");
    shop.clerk.faults().clear();
    shop.stripe.faults().clear();
    let writes = shop.writes();
    let dry = shop.sync(&["--all", "--exit-code"]).await;
    assert_eq!((dry.code, shop.writes()), (Some(0), writes), "{}", dry.out);
}

#[tokio::test]
async fn work_in_progress_is_finished_after_an_interrupt() {
    let shop = Shop::open().await;
    shop.subscriber("a", "price_pro");
    let hold_point = HoldPoint::new();
    shop.clerk.faults().next(1, on("PATCH", "/v1/users/"), Fault::HoldRequest(hold_point.clone()));
    let running = shop.start(&["--all", "--apply"]);
    hold_point.wait_for(1).await;
    interrupt(&running);
    hold_point.open();
    let output = shop.ended(running).await;
    assert_eq!(shop.clerk.plan("user_a").as_deref(), Some("pro"));
    // It may have finished before it received the signal.
    assert!(matches!(output.code, Some(0 | 130)), "{output:?}");
    assert!(output.out.contains("1 checked, 1 changed"), "{output:?}");
}

#[tokio::test]
async fn the_failure_of_one_does_not_stop_the_others_and_stays_in_the_file() {
    let shop = Shop::open().await;
    for name in ["a", "b", "c"] {
        shop.subscriber(name, "price_pro");
    }
    let refusal =
        serde_json::json!({"errors": [{"code": "form_param_value_invalid", "message": "is invalid"}]});
    shop.clerk.faults().always(on("PATCH", "/v1/users/user_b"), Fault::status(422, &refusal));
    let file = shop.file("left.json");
    let output = shop.sync(&["--all", "--apply", "--resume", &file]).await;
    assert_eq!((output.code, left(&file)), (Some(1), 1), "{output:?}");
    let failed = output.out.lines().find(|line| line.starts_with("failed: ")).expect("a line about it");
    assert!(failed.starts_with("failed: user_b: upstream_refused: Clerk refused"), "{failed}");
    for (user, plan) in [("user_a", Some("pro")), ("user_b", None), ("user_c", Some("pro"))] {
        assert_eq!(shop.clerk.plan(user).as_deref(), plan, "{user}");
    }
    shop.clerk.faults().clear();
    let again = shop.sync(&["--all", "--apply", "--resume", &file]).await;
    assert_eq!((again.code, shop.clerk.plan("user_b").as_deref()), (Some(0), Some("pro")), "{again:?}");
}

#[tokio::test]
async fn calls_are_spaced_as_the_services_allow() {
    const PER_S: usize = 10;
    let mut shop = Shop::open().await;
    shop.rate = PER_S as u32;
    (0..12).for_each(|n| shop.subscriber(&format!("{n:03}"), "price_pro"));
    assert_eq!(shop.sync(&["--all", "--apply"]).await.code, Some(0));
    for log in [shop.stripe.log(), shop.clerk.log()] {
        let arrived: Vec<_> = log.entries().iter().map(|entry| entry.arrived_at).collect();
        assert!(arrived.len() > 2 * PER_S, "{} calls", arrived.len());
        // They take a second. A busy machine may delay one call and not the next, but not by so much.
        for pair in arrived.iter().zip(arrived.iter().skip(PER_S)) {
            assert!(
                pair.1.duration_since(*pair.0) > Duration::from_millis(200),
                "{PER_S} calls within a fifth of a second"
            );
        }
    }
}

/// Sends SIGINT, as Ctrl-C does.
fn interrupt(child: &tokio::process::Child) {
    let id = child.id().expect("it runs").to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &id]).status().expect("kill");
    assert!(sent.success());
}
