//! Determines whether Tollgate created the schedule of a subscription.

use crate::config::note_keys::CHANGE_KEY;
use crate::stripe::object::Metadata;
use crate::stripe::schedule::Schedule;

/// How far Stripe's clock may be behind the gateway's, in seconds.
const CLOCK_SKEW_S: u64 = 60;

/// How long after the note a schedule without metadata still counts as created by Tollgate, in seconds.
const NOTE_VALID_S: u64 = 600;

/// Returns whether Tollgate created a schedule: its metadata shows that, or the request after its creation
/// failed. `metadata` is that of the subscription.
pub(crate) fn is_created_by_tollgate(schedule: &Schedule, metadata: &Metadata) -> bool {
    let noted_s = metadata.get(CHANGE_KEY).and_then(|note| note.rsplit_once(':')?.1.parse::<u64>().ok());
    // A note that could not be removed must not claim a schedule that something else creates much later.
    let follows_note = noted_s.is_some_and(|noted_s| {
        let earliest_s = noted_s.saturating_sub(CLOCK_SKEW_S);
        (earliest_s..=noted_s.saturating_add(NOTE_VALID_S)).contains(&schedule.created_s)
    });
    schedule.is_marked || (schedule.phases.len() == 1 && !schedule.has_other_source && follows_note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_schedule_counts_as_tollgates_only_after_a_note() {
        let schedule = |created_s, source: &str, phases| {
            let phase = r#"{"start_date": 1, "end_date": 2, "items": []}"#;
            let body = format!(
                r#"{{"id": "sub_sched_1", "created": {created_s}, "metadata": {{{source}}}, "phases": [{}]}}"#,
                vec![phase; phases].join(",")
            );
            Schedule::parse(body.as_bytes()).unwrap()
        };
        let marked_source = r#""source": "tollgate""#;
        let cases = [
            ("marked", schedule(1_000, marked_source, 2), "", true),
            ("another schedule", schedule(1_000, "", 2), "", false),
            ("another schedule, with an old note of Tollgate's", schedule(1_000, "", 2), "free:900", false),
            ("created after the note", schedule(1_000, "", 1), "free:999", true),
            ("created a little before it, by another clock", schedule(1_000, "", 1), "free:1030", true),
            ("created long before it", schedule(1_000, "", 1), "free:2000", false),
            ("marked by another application", schedule(1_000, r#""source": "crm""#, 1), "free:999", false),
            ("no note", schedule(1_000, "", 1), "", false),
            ("created long after it", schedule(2_000, "", 1), "free:999", false),
            ("an unreadable note", schedule(1_000, "", 1), "free:soon", false),
        ];
        for (why, schedule, note, want) in cases {
            let pairs = [(CHANGE_KEY, note)].into_iter().filter(|(_, note)| !note.is_empty());
            assert_eq!(is_created_by_tollgate(&schedule, &pairs.collect()), want, "{why}");
        }
    }
}
