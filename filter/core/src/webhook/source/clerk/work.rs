//! The work that an event of Clerk needs. The event only says whose state may have changed; it grants
//! nothing.

use super::ClerkSource;
use crate::alarm::{Alarm, AlarmCode};
use crate::cancellation::Deletion;
use crate::clerk::event::{ClerkEvent, ClerkEventContent, FailedCharge, NamedPayer};
use crate::config::{DeletedSubjects, SyncSettings};
use crate::ids::{EventId, Subject};
use crate::report::{Level, Report};
use crate::sorted::SortedSet;
use crate::sync::Trigger;
use crate::webhook::source::EventWork;
use serde::Serialize;

impl ClerkSource {
    /// Returns the work that an event needs.
    pub(in crate::webhook) fn work(
        &self,
        id: &EventId,
        event: ClerkEvent,
        settings: &SyncSettings,
    ) -> EventWork {
        if let Some(alarm) = self.wrong_instance(id, &event) {
            return EventWork::NotOurs(alarm);
        }
        let ClerkEvent { event_type, content, .. } = event;
        match (content, self.on_deleted) {
            // The sync reads all sources of plans; without Clerk Billing among them, nothing has changed.
            (ClerkEventContent::Billing(payer), _) if settings.clerk_billing.is_some() => match payer {
                NamedPayer::Subject(subject) => EventWork::Sync(Box::new(trigger(id, &event_type, subject))),
                payer => EventWork::NoSubject(unnamed(id, &payer)),
            },
            (ClerkEventContent::PaymentFailed(charge), _) => {
                EventWork::Log(vec![payment_failed(id, &charge)])
            }
            (ClerkEventContent::Deleted(subject), DeletedSubjects::Cancel(at)) => {
                EventWork::Cancel(Box::new(Deletion { event: id.clone(), event_type, subject, at }))
            }
            (
                ClerkEventContent::Billing(_) | ClerkEventContent::Deleted(_) | ClerkEventContent::NoWork,
                _,
            ) => EventWork::None(Vec::new()),
        }
    }

    /// Returns an alarm if the event is not of the configured instance.
    fn wrong_instance(&self, id: &EventId, event: &ClerkEvent) -> Option<Report> {
        let wanted = self.instance.as_ref()?;
        let cause = match &event.instance {
            Some(instance) if instance == wanted.as_str() => return None,
            Some(_) => "the event is of another Clerk instance",
            None => "the event does not name its Clerk instance",
        };
        let cure = "remove the endpoint from that instance, or correct `instance`";
        let alarm = Alarm::warning(AlarmCode::WrongInstance, cause, cure).event(Some(id.as_str()));
        let subject = match &event.content {
            ClerkEventContent::Billing(payer) => payer.subject(),
            ClerkEventContent::PaymentFailed(charge) => charge.payer.subject(),
            ClerkEventContent::Deleted(subject) => Some(subject),
            ClerkEventContent::NoWork => None,
        };
        Some(alarm.subject(subject.map(Subject::as_str)).into())
    }
}

fn trigger(id: &EventId, event_type: &str, subject: Subject) -> Trigger {
    let trigger = Trigger::for_subject(event_type, subject, SortedSet::default());
    Trigger { event: Some(id.clone()), ..trigger }
}

fn unnamed(id: &EventId, payer: &NamedPayer) -> Report {
    const READ_PLANS: &str = "run `tollgate sync --all --apply`, which reads the plans of all payers";
    let alarm = match payer {
        NamedPayer::InvalidId { bytes } => {
            let cause = format!(
                "the event names a payer by an id of {bytes} bytes with characters that could change the path of a \
                 request, so no plan was read"
            );
            Alarm::warning(AlarmCode::UnknownIds, cause, READ_PLANS)
        }
        NamedPayer::Missing | NamedPayer::Subject(_) => {
            let cause = "the event of Clerk Billing names no payer, so no plan was read";
            Alarm::warning(AlarmCode::NoSubject, cause, READ_PLANS)
        }
    };
    alarm.event(Some(id.as_str())).into()
}

/// Returns the audit line of a charge that failed.
fn payment_failed(id: &EventId, charge: &FailedCharge) -> Report {
    #[derive(Serialize)]
    struct ChargeFailedLine<'a> {
        audit: &'static str,
        event: &'a EventId,
        subject: Option<&'a str>,
        source: &'static str,
        payment_attempt: Option<&'a str>,
        code: Option<&'a str>,
        decline_code: Option<&'a str>,
    }
    let line = ChargeFailedLine {
        audit: "payment_failed",
        event: id,
        subject: charge.payer.subject().map(Subject::as_str),
        source: "clerk_billing",
        payment_attempt: charge.attempt.as_deref(),
        code: charge.code.as_deref(),
        decline_code: charge.decline_code.as_deref(),
    };
    Report::json(Level::Info, &line)
}
