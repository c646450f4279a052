//! Alarms: problems that an operator should fix. Each is one JSON line in the log with the cause and the cure,
//! and all have the same members.
//!
//! This file defines all codes. `docs/alarms.md` has the meaning, the cure, and an example of each, and tests
//! compare the two.

use crate::codes::codes;
use crate::report::{Level, Report};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use std::fmt;

codes! {
    /// The code of an alarm, by which programs distinguish alarms.
    AlarmCode {
        // Deliveries.
        MissingSignature => "missing_signature",
        MalformedSignature => "malformed_signature",
        TimestampOutsideTolerance => "timestamp_outside_tolerance",
        SignatureMismatch => "signature_mismatch",
        DeliveriesOverloaded => "deliveries_overloaded",
        WrongMode => "wrong_mode",
        WrongInstance => "wrong_instance",
        ConnectedAccount => "connected_account",
        // Findings of a sync.
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
        // Resolution of subscriptions to a plan.
        UnmappedPrice => "unmapped_price",
        UnknownPlan => "unknown_plan",
        MisspelledName => "misspelled_name",
        UnknownStatus => "unknown_status",
        NoGraceStart => "no_grace_start",
        ItemsCut => "items_cut",
        UnreadablePart => "unreadable_part",
        // Deleted users and organizations.
        DeletedSubjectExists => "deleted_subject_exists",
        DeletedSubjectUnsearched => "deleted_subject_unsearched",
        DeletedSubjectScheduled => "deleted_subject_scheduled",
        // Clerk Billing.
        ClerkBillingOff => "clerk_billing_off",
        UnmappedClerkPlan => "unmapped_clerk_plan",
        // Billing.
        CustomerSearchFailed => "customer_search_failed",
        DoubleSubscription => "double_subscription",
        PriceUnavailable => "price_unavailable",
        PricesStale => "prices_stale",
        // Failures of a sync.
        BadCredentials => "bad_credentials",
        UpstreamUnavailable => "upstream_unavailable",
        UpstreamRefused => "upstream_refused",
        OutOfTime => "out_of_time",
        Unsettled => "unsettled",
        SubjectMissing => "subject_missing",
        // Session tokens.
        TokenRefused => "token_refused",
        SignaturesUnsupported => "signatures_unsupported",
        // The gate.
        PlanUnknown => "plan_unknown",
        PlanClaimMissing => "plan_claim_missing",
        UnknownRule => "unknown_rule",
        FilterMissing => "filter_missing",
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
}

/// The cure of a fault of Tollgate or of Envoy.
pub const FAULT_CURE: &str = "report this line, with the versions of Tollgate and Envoy";

/// The cure of [`AlarmCode::UnknownIds`] at Stripe, where sellers can choose ids.
pub(crate) const UNKNOWN_IDS_CURE: &str =
    "choose ids of printable ASCII characters, without spaces and `/ ? # % \\`";

/// A problem that an operator should fix. Its `Display` is its line in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    code: AlarmCode,
    level: Level,
    event: Option<String>,
    subject: Option<String>,
    object: Option<String>,
    fields: Vec<(&'static str, Value)>,
    cause: String,
    cure: String,
}

impl Alarm {
    /// Creates an alarm that an operator should look at. `cause` is what happened, and `cure` what to do.
    pub fn warning(code: AlarmCode, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Alarm {
            code,
            level: Level::Warn,
            event: None,
            subject: None,
            object: None,
            fields: Vec::new(),
            cause: cause.into(),
            cure: cure.into(),
        }
    }

    /// Creates an alarm that an operator must act on. `cause` is what happened, and `cure` what to do.
    pub fn error(code: AlarmCode, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Alarm { level: Level::Error, ..Alarm::warning(code, cause, cure) }
    }

    /// Sets the event that it is about.
    #[must_use]
    pub(crate) fn event(mut self, id: Option<&str>) -> Self {
        self.event = id.map(str::to_owned);
        self
    }

    /// Sets the user or organization that it is about.
    #[must_use]
    pub(crate) fn subject(mut self, id: Option<&str>) -> Self {
        self.subject = id.map(str::to_owned);
        self
    }

    /// Sets the Stripe object that it is about.
    #[must_use]
    pub(crate) fn object(mut self, id: impl fmt::Display) -> Self {
        self.object = Some(id.to_string());
        self
    }

    /// Sets the Stripe object that it is about, unless one is set.
    #[must_use]
    pub(crate) fn object_if_absent(mut self, id: impl fmt::Display) -> Self {
        self.object.get_or_insert_with(|| id.to_string());
        self
    }

    /// Adds a member that is specific to this alarm.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Returns its log level.
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
        members.serialize_entry("cure", &self.cure)?;
        members.serialize_entry("detail", &format_args!("{}; {}", self.cause, self.cure))?;
        members.end()
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Serializing strings and finite numbers cannot fail.
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
    fn members_have_a_fixed_order_and_absent_ones_are_left_out() {
        let alarm = Alarm::warning(AlarmCode::OwnersDisagree, "two owners", "remove one");
        assert_eq!(
            alarm.to_string(),
            r#"{"alarm":"owners_disagree","cure":"remove one","detail":"two owners; remove one"}"#
        );
        let alarm = alarm.event(Some("evt_1")).subject(Some("user_1")).object("sub_1").with("status", 2);
        assert_eq!(
            alarm.to_string(),
            r#"{"alarm":"owners_disagree","event":"evt_1","subject":"user_1","object":"sub_1","status":2,"cure":"remove one","detail":"two owners; remove one"}"#
        );
        assert_eq!(Report::from(alarm.clone()), Report::Line(Level::Warn, alarm.to_string()));
    }

    #[test]
    fn each_code_has_its_own_string() {
        let strings: BTreeSet<&str> = AlarmCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(strings.len(), AlarmCode::ALL.len());
    }
}
