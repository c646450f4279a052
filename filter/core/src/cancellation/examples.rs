//! The alarms of cancellations that `docs/alarms.md` shows.

use super::{Deletion, lines};
use crate::config::CancellationTime;
use crate::examples::{refused, user};
use crate::ids::{EventId, ScheduleId};
use crate::report::Report;
use crate::stripe::subscription::Subscription;

/// Returns the alarms of the page.
pub(crate) fn alarms() -> Vec<Report> {
    let deletion = Deletion {
        event: EventId::parse("msg_1").unwrap(),
        event_type: "user.deleted".to_owned(),
        subject: user(),
        at: CancellationTime::PeriodEnd,
    };
    let body = br#"{"id": "sub_1", "customer": "cus_1", "status": "active", "metadata": {}, "created": 1, "items": {"data": []}}"#;
    let subscription = Subscription::parse(body).unwrap();
    let schedule = ScheduleId::parse("sub_sched_1").unwrap();
    vec![
        lines::subject_exists(&deletion),
        lines::unsearched(&deletion, &refused()),
        lines::scheduled(&deletion, &subscription, &schedule),
    ]
}
