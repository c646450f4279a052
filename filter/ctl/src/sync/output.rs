//! The output: a table for people, or JSON lines for programs. Progress goes to standard error.

use super::messages::{cure, plan, why};
use super::summary::{Difference, LISTED_MAX, Summary};
use serde_json::{Value, json};
use std::fmt::Write;
use tollgate_core::backfill::Intent;
use tollgate_core::ids::Subject;

/// Returns the JSON lines of subjects that differ.
pub(super) fn json_differences(
    summary: &Summary,
    subjects: &[Subject],
    intent: Intent,
    plan_key: &str,
) -> Vec<Value> {
    let differing = subjects.iter().filter_map(|subject| Some((subject, summary.differing.get(subject)?)));
    let line = |(subject, Difference { change, customer }): (&Subject, &Difference)| {
        json!({
            "subject": subject.as_str(),
            "plan": change.from.plan,
            "plan_by_stripe": change.to.plan,
            "why": why(change),
            "customer": customer.as_ref().map(|customer| customer.as_str()),
            "applied": intent == Intent::Apply,
            "patch": change.from.patch(&change.to, plan_key),
        })
    };
    differing.map(line).collect()
}

/// Returns the other JSON lines, at the end.
pub(super) fn json_rest(summary: &Summary, left: usize) -> Vec<Value> {
    let mut lines = Vec::new();
    for noted in &summary.noted_owners {
        lines.push(json!({"owner_noted": noted.object, "subject": noted.subject.as_str()}));
    }
    for (subject, plan) in &summary.kept {
        lines.push(json!({"kept": plan, "subject": subject.as_str()}));
    }
    for (subscription, customer) in summary.unowned.iter().take(LISTED_MAX) {
        lines.push(json!({"unowned": subscription.as_str(), "customer": customer.as_str()}));
    }
    for (target_id, failure) in &summary.failures {
        let cure = cure(failure.code);
        lines.push(
            json!({"failure": failure.code.as_str(), "of": target_id, "detail": failure.detail, "cure": cure}),
        );
    }
    lines.push(json!({"totals": {
        "checked": summary.checked.len(),
        "differing": summary.differing.len(),
        "owner_noted": summary.noted_owners.len(),
        "kept": summary.kept.len(),
        "not_at_clerk": summary.gone.len(),
        "unowned": summary.unowned.len(),
        "failed": summary.failures.len(),
        "left": left,
    }}));
    lines
}

/// Returns the table and the notes after it.
pub(super) fn table(summary: &Summary, intent: Intent) -> String {
    let mut text = String::new();
    let applied = intent == Intent::Apply;
    let headings = match applied {
        true => ["SUBJECT", "PLAN WAS", "PLAN IS", "WHY", "CUSTOMER"],
        false => ["SUBJECT", "PLAN NOW", "PLAN DUE", "WHY", "CUSTOMER"],
    };
    let mut rows = vec![headings.map(str::to_owned)];
    for (subject, Difference { change, customer }) in summary.differing.iter().take(LISTED_MAX) {
        let customer = customer.as_ref().map_or("-", |customer| customer.as_str());
        rows.push([
            subject.as_str().to_owned(),
            plan(&change.from).to_owned(),
            plan(&change.to).to_owned(),
            why(change),
            customer.to_owned(),
        ]);
    }
    if rows.len() > 1 {
        text.push_str(&aligned(&rows));
        text.push('\n');
    }
    let kept = summary.kept.iter().map(|(subject, plan)| format!("{subject} ({plan})"));
    let cure = "set by hand, or by earlier code; --end-unrecorded ends them";
    list(&mut text, "plans of unknown origin, kept", cure, kept.collect());
    let unowned =
        summary.unowned.iter().map(|(subscription, customer)| format!("{subscription} ({customer})"));
    let cure = "put the Clerk id into the metadata of the subscription or its customer";
    list(&mut text, "live subscriptions without an owner", cure, unowned.collect());
    let gone = summary.gone.iter().map(|subject| subject.as_str().to_owned());
    list(&mut text, "owners that Clerk does not have", "deleted, or of another instance", gone.collect());
    for alarm in &summary.alarms {
        let _ = writeln!(text, "alarm: {}", alarm_text(alarm));
    }
    for (target_id, failure) in &summary.failures {
        let _ = writeln!(
            text,
            "failed: {target_id}: {}: {}; {}",
            failure.code.as_str(),
            failure.detail,
            self::cure(failure.code)
        );
    }
    let (verb, named) = if applied {
        ("changed", "owners noted at Stripe")
    } else {
        ("to change", "owners to note at Stripe")
    };
    let _ = writeln!(
        text,
        "{} checked, {} {verb}, {} {named}, {} failed",
        summary.checked.len(),
        summary.differing.len(),
        summary.noted_owners.len(),
        summary.failures.len()
    );
    text
}

/// Returns the text of an alarm's line for the table.
fn alarm_text(line: &str) -> String {
    let alarm: Value = serde_json::from_str(line).unwrap_or_default();
    let member = |name: &str| alarm.get(name).and_then(Value::as_str);
    let ids: Vec<&str> = ["subject", "object"].into_iter().filter_map(member).collect();
    let ids = if ids.is_empty() { String::new() } else { format!("{}: ", ids.join(", ")) };
    format!("{ids}{}: {}", member("alarm").unwrap_or("alarm"), member("detail").unwrap_or(line))
}

/// The maximum number of entries of a list in the table; `--json` has all.
const TABLE_ENTRIES_MAX: usize = 10;

/// The maximum number of characters of an id that was not checked.
const UNCHECKED_ID_CHARS_MAX: usize = 64;

/// Returns the first of these ids, which can contain any characters.
pub(super) fn shown_ids(ids: &[String]) -> String {
    let shown = |id: &String| format!("{:?}", id.chars().take(UNCHECKED_ID_CHARS_MAX).collect::<String>());
    let all: Vec<String> = ids.iter().take(TABLE_ENTRIES_MAX).map(shown).collect();
    all.join(", ")
}

fn list(text: &mut String, what: &str, cure: &str, items: Vec<String>) {
    if items.is_empty() {
        return;
    }
    let shown: Vec<&str> = items.iter().take(TABLE_ENTRIES_MAX).map(String::as_str).collect();
    let more = items.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let _ = writeln!(text, "{} {what} ({cure}): {}{more}", items.len(), shown.join(", "));
}

fn aligned(rows: &[[String; 5]]) -> String {
    let mut widths = [0_usize; 5];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lists_are_shortened() {
        let row = |cells: [&str; 5]| cells.map(str::to_owned);
        let rows = [row(["A", "B", "C", "D", "E"]), row(["aaa", "b", "", "d", "-"])];
        assert_eq!(aligned(&rows), "A    B  C  D  E\naaa  b     d  -\n");
        let mut text = String::new();
        list(&mut text, "things", "do so", (0..12).map(|n| n.to_string()).collect());
        let alarm = r#"{"alarm":"subject_gone","subject":"user_1","object":"sub_1","detail":"Clerk does not have it"}"#;
        assert_eq!(alarm_text(alarm), "user_1, sub_1: subject_gone: Clerk does not have it");
        assert_eq!(text, "12 things (do so): 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more\n");
        let ids = ["cus_1\u{1b}[2J".to_owned(), "y".repeat(99)];
        assert_eq!(shown_ids(&ids), format!(r#""cus_1\u{{1b}}[2J", "{}""#, "y".repeat(64)));
    }
}
