//! The plan that items grant, by their status, period, and slug.

use super::*;
use crate::alarm::AlarmCode;
use crate::plan_table::RecordedPlan;

/// Returns the plan's name, and the granting item without its prefix.
fn plan_and_item(resolution: &ClerkResolution) -> (String, Option<String>) {
    let id = |item: &crate::clerk::billing::ItemDetails| {
        item.id.as_str().trim_start_matches("csub_item_").to_owned()
    };
    (plans().get(resolution.plan).name.clone(), resolution.granting.as_ref().map(id))
}

fn codes(resolution: &ClerkResolution) -> Vec<AlarmCode> {
    resolution.alarms.iter().map(super::super::ClerkPlanAlarm::code).collect()
}

#[test]
fn the_status_and_the_period_decide_what_an_item_grants() {
    let ms = |seconds: u64| seconds * 1_000;
    let cases = [
        ("active", json!({}), true),
        ("active in a trial", json!({"is_free_trial": true}), true),
        ("active and free", json!({"plan": {"slug": "pro_user", "fee": {"amount": 0}}}), true),
        ("active, although its period is over", json!({"period_end": ms(NOW_S - 1)}), true),
        ("active without a period", json!({"period_end": null}), true),
        ("canceled, in its period", json!({"status": "canceled", "period_end": ms(NOW_S) + 1}), true),
        ("canceled, at its end", json!({"status": "canceled", "period_end": ms(NOW_S)}), false),
        ("canceled without a period", json!({"status": "canceled", "period_end": null}), false),
        ("canceled, with a period of 0", json!({"status": "canceled", "period_end": 0}), false),
        (
            "past due, in grace",
            json!({"status": "past_due", "past_due_at": ms(NOW_S - 14 * DAY_S) + 1}),
            true,
        ),
        (
            "past due, after grace",
            json!({"status": "past_due", "past_due_at": ms(NOW_S - 14 * DAY_S)}),
            false,
        ),
        ("past due since an unknown time", json!({"status": "past_due"}), false),
        ("ended", json!({"status": "ended"}), false),
        ("expired", json!({"status": "expired"}), false),
        ("upcoming", json!({"status": "upcoming"}), false),
        ("incomplete", json!({"status": "incomplete"}), false),
        ("abandoned", json!({"status": "abandoned"}), false),
        ("a new status", json!({"status": "resting"}), false),
        ("another case", json!({"status": "Active"}), false),
    ];
    for (why, changes, grants) in cases {
        let want = if grants { ("pro".to_owned(), Some("1".to_owned())) } else { ("free".to_owned(), None) };
        assert_eq!(plan_and_item(&granted(&[item("1", "pro_user", changes)])), want, "{why}");
    }
}

#[test]
fn the_grace_period_begins_with_the_item_or_else_with_the_subscription() {
    let ms = |days: u64| (NOW_S - days * DAY_S) * 1_000;
    let cases = [
        ("the item's", json!(ms(3)), json!(ms(20)), Some(11)),
        ("the item's is over", json!(ms(20)), json!(ms(3)), None),
        ("the subscription's", json!(null), json!(ms(4)), Some(10)),
        ("the subscription's, instead of 0", json!(0), json!(ms(4)), Some(10)),
        ("neither", json!(null), json!(null), None),
    ];
    for (why, of_item, of_subscription, want_days) in cases {
        let late = item("1", "pro_user", json!({"status": "past_due", "past_due_at": of_item}));
        let mut late = subscription(&[late]);
        late["past_due_at"] = of_subscription;
        let got = resolve(&late, PastDue::Grace(Duration::from_secs(14 * DAY_S)));
        let want = want_days.map(|days| Micros::from_secs(NOW_S + days * DAY_S));
        assert_eq!(got.granting.and_then(|item| item.grace_until), want, "{why}");
        let code = if why == "neither" { vec![AlarmCode::NoGraceStart] } else { Vec::new() };
        assert_eq!(got.alarms.iter().map(|alarm| alarm.code()).collect::<Vec<_>>(), code, "{why}");
        assert_eq!(plan_and_item(&resolve(&late, PastDue::Keep)).0, "pro", "{why}");
        assert_eq!(plan_and_item(&resolve(&late, PastDue::Revoke)).0, "free", "{why}");
    }
}

#[test]
fn the_highest_plan_counts_and_of_equal_ones_the_fixed_one() {
    let until = |days: u64| json!({"period_end": (NOW_S + days * DAY_S) * 1_000});
    let canceled = |days: u64| json!({"status": "canceled", "period_end": (NOW_S + days * DAY_S) * 1_000});
    let late = json!({"status": "past_due", "past_due_at": (NOW_S - DAY_S) * 1_000});
    let cases = [
        ("nothing", vec![], ("free", None)),
        ("the default plan", vec![default_item()], ("free", None)),
        (
            "a plan beside the default plan",
            vec![default_item(), item("1", "basic", json!({}))],
            ("basic", Some("1")),
        ),
        ("the default plan by its slug", vec![item("1", "free_org", json!({}))], ("free", None)),
        (
            "a downgrade at the period's end",
            vec![item("1", "enterprise", canceled(3)), item("2", "basic", json!({"status": "upcoming"}))],
            ("enterprise", Some("1")),
        ),
        (
            "a downgrade that has happened",
            vec![item("1", "enterprise", json!({"status": "ended"})), item("2", "basic", json!({}))],
            ("basic", Some("2")),
        ),
        ("the slug of users and of organizations", vec![item("1", "pro_org", json!({}))], ("pro", Some("1"))),
        (
            "active before past due",
            vec![item("1", "basic", late), item("2", "basic", until(1))],
            ("basic", Some("2")),
        ),
        (
            "the later end",
            vec![item("1", "basic", until(1)), item("2", "basic", until(2))],
            ("basic", Some("2")),
        ),
        (
            "the smaller id",
            vec![item("2", "basic", until(2)), item("1", "basic", until(2))],
            ("basic", Some("1")),
        ),
    ];
    for (why, mut items, (plan, id)) in cases {
        let want = (plan.to_owned(), id.map(str::to_owned));
        for _ in 0..2 {
            let got = granted(&items);
            assert_eq!(plan_and_item(&got), want, "{why}");
            assert!(got.alarms.is_empty(), "{why}: {:?}", got.alarms);
            items.reverse();
        }
    }
}

#[test]
fn what_maps_to_nothing_neither_grants_nor_ends_a_plan() {
    let plans = plans();
    let recorded = |name: &'static str| plans.recorded(Some(name));
    let unmapped = || item("1", "gold", json!({}));
    let without_plan = || item("1", "", json!({"plan": null}));
    let unknown = |slug: &str| item("1", slug, json!({"status": "resting"}));
    let unmapped_code = vec![AlarmCode::UnmappedClerkPlan];
    let status_code = vec![AlarmCode::UnknownStatus];
    let cases = [
        (
            "an unmapped slug",
            vec![unmapped()],
            "free",
            vec!["basic", "enterprise", "gone"],
            vec![],
            &unmapped_code,
        ),
        ("no plan", vec![without_plan()], "free", vec!["basic", "gone"], vec![], &unmapped_code),
        (
            "an unmapped slug beside a mapped one",
            vec![unmapped(), item("2", "pro_user", json!({}))],
            "pro",
            vec!["enterprise", "gone"],
            vec!["pro", "basic"],
            &unmapped_code,
        ),
        (
            "an unknown status",
            vec![unknown("pro_user")],
            "free",
            vec!["basic", "pro"],
            vec!["enterprise", "gone"],
            &status_code,
        ),
        (
            "an unknown status of an unmapped slug",
            vec![unknown("gold")],
            "free",
            vec!["pro", "gone"],
            vec![],
            &status_code,
        ),
        (
            "an unmapped slug that has ended",
            vec![item("1", "gold", json!({"status": "ended"}))],
            "free",
            vec![],
            vec!["pro", "gone"],
            &vec![],
        ),
    ];
    for (why, items, plan, kept, not_kept, want) in cases {
        let got = granted(&items);
        assert_eq!(plan_and_item(&got).0, plan, "{why}");
        assert_eq!(&codes(&got), want, "{why}");
        for name in kept {
            assert!(got.may_still_grant(recorded(name)), "{why}: {name}");
        }
        for name in not_kept {
            assert!(!got.may_still_grant(recorded(name)), "{why}: {name}");
        }
        assert!(!got.may_still_grant(RecordedPlan::None) && !got.may_still_grant(recorded("free")), "{why}");
    }
}

#[test]
fn without_a_grant_the_closest_item_has_the_details() {
    let status = |id: &str, status: &str| item(id, "pro_user", json!({"status": status}));
    let cases = [
        ("nothing", vec![default_item()], None),
        ("past due before ended", vec![status("1", "ended"), status("2", "past_due")], Some("past_due")),
        (
            "an upcoming item does not count",
            vec![status("1", "upcoming"), status("2", "ended")],
            Some("ended"),
        ),
        ("abandoned", vec![status("1", "abandoned")], None),
    ];
    for (why, items, want) in cases {
        let got = granted(&items);
        assert_eq!(got.granting, None, "{why}");
        assert_eq!(got.details.as_ref().map(|item| item.status.as_str()), want, "{why}");
    }
}

#[test]
fn what_is_paid_or_due_is_sold_unless_it_is_of_the_default_plan() {
    let changed = |id: &str, slug: &str, changes: Value| item(id, slug, changes);
    let late = json!({"status": "past_due", "past_due_at": (NOW_S - 30 * DAY_S) * 1_000});
    let canceled = |end_s: u64| json!({"status": "canceled", "period_end": end_s * 1_000});
    let cases = [
        ("nothing", vec![], None),
        ("the default plan", vec![default_item()], None),
        (
            "an active item",
            vec![default_item(), changed("1", "basic", json!({}))],
            Some(("1", Some("basic"))),
        ),
        (
            "canceled, in its period",
            vec![changed("1", "basic", canceled(NOW_S + 1))],
            Some(("1", Some("basic"))),
        ),
        ("canceled, at its end", vec![changed("1", "basic", canceled(NOW_S))], None),
        ("past due, after grace", vec![changed("1", "pro_user", late.clone())], Some(("1", Some("pro")))),
        ("an unmapped slug", vec![changed("1", "gold", json!({}))], Some(("1", None))),
        (
            "the higher plan",
            vec![
                changed("1", "gold", json!({})),
                changed("2", "basic", json!({})),
                changed("3", "pro_user", late),
            ],
            Some(("3", Some("pro"))),
        ),
        ("upcoming", vec![changed("1", "basic", json!({"status": "upcoming"}))], None),
    ];
    for (why, mut items, want) in cases {
        for _ in 0..2 {
            let sold = granted(&items).sold;
            let sold = sold.as_ref().map(|sold| {
                let plan = sold.plan.map(|rank| plans().get(rank).name.clone());
                (sold.item.id.as_str().trim_start_matches("csub_item_").to_owned(), plan)
            });
            assert_eq!(sold, want.map(|(id, plan)| (id.to_owned(), plan.map(str::to_owned))), "{why}");
            items.reverse();
        }
    }
}

#[test]
fn an_alarm_shows_only_the_beginning_of_a_slug() {
    let got = granted(&[item("1", &"x".repeat(5_000), json!({}))]);
    let alarm = got.alarms.first().unwrap();
    assert!(alarm.to_string().len() < 300 && alarm.cause().len() < 100, "{alarm}");
}
