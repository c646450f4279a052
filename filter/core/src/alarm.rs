//! Alarms: what an operator should see to. One line of JSON in the log each, with the same members wherever
//! it comes from.
//!
//! The codes are here and nowhere else; `docs/alarms.md` has the meaning and the cure of each, and a test
//! compares.

use crate::report::{Level, Report};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use std::fmt;

/// Defines the codes and their words.
macro_rules! codes {
    ($($code:ident => $word:literal,)*) => {
        /// What an alarm is about: what programs tell alarms apart by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "docs/alarms.md has the meaning and the cure of each")]
        pub enum AlarmCode {
            $($code,)*
        }

        impl AlarmCode {
            /// Every code.
            pub const ALL: &[AlarmCode] = &[$(AlarmCode::$code),*];

            /// Returns the word in the log.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(AlarmCode::$code => $word,)*
                }
            }
        }
    };
}

codes! {
    // A delivery.
    MissingSignature => "missing_signature",
    MalformedSignature => "malformed_signature",
    TimestampOutsideTolerance => "timestamp_outside_tolerance",
    SignatureMismatch => "signature_mismatch",
    DeliveriesOverloaded => "deliveries_overloaded",
    WrongMode => "wrong_mode",
    ConnectedAccount => "connected_account",
    // What a sync finds.
    UnknownIds => "unknown_ids",
    InvalidSubjectId => "invalid_subject_id",
    NoSubject => "no_subject",
    SubjectGone => "subject_gone",
    OwnersDisagree => "owners_disagree",
    NoteRefused => "note_refused",
    SessionsRefused => "sessions_refused",
    SessionsUnread => "sessions_unread",
    UnreadableSession => "unreadable_session",
    TooManyCustomers => "too_many_customers",
    TooManySubjects => "too_many_subjects",
    TooManySubscriptions => "too_many_subscriptions",
    UnreadableSubscription => "unreadable_subscription",
    RecordedSubscriptionUnknown => "recorded_subscription_unknown",
    UnreadPlanSource => "unread_plan_source",
    // How subscriptions become a plan.
    UnmappedPrice => "unmapped_price",
    UnknownPlan => "unknown_plan",
    MisspelledName => "misspelled_name",
    UnknownStatus => "unknown_status",
    NoGraceStart => "no_grace_start",
    ItemsCut => "items_cut",
    UnreadablePart => "unreadable_part",
    // Why a sync fails.
    BadCredentials => "bad_credentials",
    UpstreamUnavailable => "upstream_unavailable",
    UpstreamRefused => "upstream_refused",
    OutOfTime => "out_of_time",
    Unsettled => "unsettled",
    SubjectMissing => "subject_missing",
    // The gate.
    PlanUnknown => "plan_unknown",
    AddressUnknown => "address_unknown",
    KeysUnavailable => "keys_unavailable",
    ConfirmFailed => "confirm_failed",
    StoreUnavailable => "store_unavailable",
    CountersEvicted => "counters_evicted",
    CountersUnreadable => "counters_unreadable",
    // The host.
    InternalError => "internal_error",
    ReplyRefused => "reply_refused",
    ResumeRefused => "resume_refused",
    ResponseFieldRefused => "response_field_refused",
    MetricRefused => "metric_refused",
}

/// Something that an operator should see to. It displays as its line in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    code: AlarmCode,
    level: Level,
    event: Option<String>,
    subject: Option<String>,
    object: Option<String>,
    fields: Vec<(&'static str, Value)>,
    detail: String,
}

impl Alarm {
    /// Creates an alarm at which somebody should look.
    pub fn warning(code: AlarmCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Alarm {
            code,
            level: Level::Warn,
            event: None,
            subject: None,
            object: None,
            fields: Vec::new(),
            detail,
        }
    }

    /// Creates an alarm at which somebody must look.
    pub fn error(code: AlarmCode, detail: impl Into<String>) -> Self {
        Alarm { level: Level::Error, ..Alarm::warning(code, detail) }
    }

    /// Names the event that it is about.
    #[must_use]
    pub(crate) fn event(mut self, id: Option<&str>) -> Self {
        self.event = id.map(str::to_owned);
        self
    }

    /// Names the user or organization that it is about.
    #[must_use]
    pub(crate) fn subject(mut self, id: Option<&str>) -> Self {
        self.subject = id.map(str::to_owned);
        self
    }

    /// Names the object at Stripe that it is about.
    #[must_use]
    pub(crate) fn object(mut self, id: impl fmt::Display) -> Self {
        self.object = Some(id.to_string());
        self
    }

    /// Adds a member that only this alarm has.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Returns how urgent it is.
    pub fn level(&self) -> Level {
        self.level
    }
}

impl Serialize for Alarm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("alarm", self.code.as_str())?;
        let ids = [("event", &self.event), ("subject", &self.subject), ("object", &self.object)];
        for (name, id) in ids {
            if let Some(id) = id {
                members.serialize_entry(name, id)?;
            }
        }
        for (name, value) in &self.fields {
            members.serialize_entry(name, value)?;
        }
        members.serialize_entry("detail", &self.detail)?;
        members.end()
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Texts and finite numbers have no failing case.
        f.write_str(&serde_json::to_string(self).unwrap_or_default())
    }
}

impl From<Alarm> for Report {
    fn from(alarm: Alarm) -> Self {
        Report::Line(alarm.level, alarm.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_members_are_the_same_everywhere_and_absent_ones_are_left_out() {
        let alarm = Alarm::warning(AlarmCode::OwnersDisagree, "two owners");
        assert_eq!(alarm.to_string(), r#"{"alarm":"owners_disagree","detail":"two owners"}"#);
        let alarm = alarm.event(Some("evt_1")).subject(Some("user_1")).object("sub_1").with("status", 2);
        assert_eq!(
            alarm.to_string(),
            r#"{"alarm":"owners_disagree","event":"evt_1","subject":"user_1","object":"sub_1","status":2,"detail":"two owners"}"#
        );
        assert_eq!(Report::from(alarm.clone()), Report::Line(Level::Warn, alarm.to_string()));
    }

    #[test]
    fn each_code_has_a_word_of_its_own() {
        let words: BTreeSet<&str> = AlarmCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), AlarmCode::ALL.len());
    }
}
