//! The messages of the summary: why a subject differs, and how to fix a failure.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tollgate_core::alarm::AlarmCode;
use tollgate_core::backfill::{BackfillErrorCode, RecordChange};
use tollgate_core::clerk::metadata::Record;
use tollgate_core::clerk::plan_source::PlanSource;
use tollgate_core::time::Micros;

/// Returns why a record changes.
pub(super) fn why(change: &RecordChange) -> String {
    let RecordChange { from, to, .. } = change;
    let status = to.subscription.status.as_deref();
    let mut why = match (&to.granted_by, status) {
        (_, Some(status)) if to.plan_source == Some(PlanSource::ClerkBilling) => {
            format!("its item at Clerk Billing is {status}")
        }
        (_, None) if to.plan_source == Some(PlanSource::ClerkBilling) => "Clerk Billing grants it".to_owned(),
        (Some(id), Some(status)) => format!("{id} is {status}"),
        (Some(id), None) => format!("{id} grants it"),
        (None, Some(status)) => format!("nothing grants a plan; the subscription is {status}"),
        (None, None) => "nothing at Stripe grants a plan".to_owned(),
    };
    if let Some(until) = to.subscription.grace_until {
        why.push_str(&format!(", grace until {}", day(until)));
    }
    if from.plan == to.plan {
        why.push_str(if from.subscription == to.subscription {
            "; only Tollgate's own notes differ"
        } else {
            "; only the displayed details differ"
        });
    }
    why
}

/// Returns a plan as the table shows it.
pub(super) fn plan(record: &Record) -> &str {
    record.plan.as_deref().unwrap_or("-")
}

fn day(time: Micros) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|date| date.format(&Rfc3339).ok());
    date.unwrap_or_else(|| seconds.to_string())
}

/// Returns what to do about a failure, by its code.
pub(super) fn cure(code: BackfillErrorCode) -> &'static str {
    let BackfillErrorCode::Sync(code) = code else {
        return "sync customers one by one with --customer";
    };
    match code {
        AlarmCode::BadCredentials => {
            "check STRIPE_API_KEY and CLERK_SECRET_KEY: same account, same mode, and the rights in docs/webhook.md"
        }
        AlarmCode::UpstreamUnavailable | AlarmCode::OutOfTime | AlarmCode::Unsettled => {
            "run it again later: completed work is not repeated"
        }
        AlarmCode::UpstreamRefused => "read the API's message; a restricted key may lack a right",
        AlarmCode::UnmappedPrice => "name the price in a plan, or in not_plans",
        AlarmCode::SubjectMissing => {
            "check that CLERK_SECRET_KEY is of the instance where users sign in; a user deleted today is skipped tomorrow"
        }
        AlarmCode::TooManySubscriptions => "end or move some of that customer's subscriptions",
        _ => "read the message",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::clerk::metadata::SubscriptionNote;
    use tollgate_core::ids::SubscriptionId;

    fn record(plan: &str, granted_by: bool, status: &str, grace_s: Option<u64>) -> Record {
        Record {
            plan: Some(plan.to_owned()),
            granted_by: granted_by.then(|| SubscriptionId::parse("sub_1").unwrap()),
            subscription: SubscriptionNote {
                status: Some(status.to_owned()),
                grace_until: grace_s.map(Micros::from_secs),
                ..SubscriptionNote::default()
            },
            ..Record::default()
        }
    }

    #[test]
    fn a_reason_names_the_subscription_and_what_else_decides() {
        let none = Record::default;
        let cases = [
            (none(), record("pro", true, "active", None), "sub_1 is active"),
            (
                none(),
                record("pro", true, "past_due", Some(1_800_000_000)),
                "sub_1 is past_due, grace until 2027-01-15T08:00:00Z",
            ),
            (
                record("pro", true, "active", None),
                record("free", false, "canceled", None),
                "nothing grants a plan; the subscription is canceled",
            ),
            (
                record("pro", true, "active", None),
                record("pro", true, "trialing", None),
                "sub_1 is trialing; only the displayed details differ",
            ),
            (
                none(),
                Record {
                    plan_source: Some(PlanSource::ClerkBilling),
                    ..record("pro", true, "past_due", Some(1_800_000_000))
                },
                "its item at Clerk Billing is past_due, grace until 2027-01-15T08:00:00Z",
            ),
            (
                record("pro", false, "active", None),
                record("pro", true, "active", None),
                "sub_1 is active; only Tollgate's own notes differ",
            ),
        ];
        for (from, to, want) in cases {
            assert_eq!(why(&RecordChange { from, to, requested_at: Default::default() }), want);
        }
    }
}
