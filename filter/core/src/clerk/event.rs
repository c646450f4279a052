//! Clerk's events, parsed after their signature was verified: the subject that they name, and what they are
//! about.
//!
//! The content of an event is not applied: an event triggers reads of the current state, so only names are
//! read from it. Of an event that needs no work, only the envelope is parsed, so that its content cannot
//! cause an error. The events are those of <https://clerk.com/docs/guides/development/webhooks/overview>.

use crate::ids::{IdError, OrganizationId, Subject, UserId};
use crate::json;
use serde_json::Value;

/// The longest code of a failed payment that is logged, in bytes.
const CODE_BYTES_MAX: usize = 64;

/// An event that Clerk signed. Its id is that of the delivery, in a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClerkEvent {
    /// The event's type, such as `subscriptionItem.active`.
    pub event_type: String,
    /// The instance that sends it, such as `ins_…`; `None` if it does not say.
    pub instance: Option<String>,
    /// The object or the change that the event reports.
    pub content: ClerkEventContent,
}

/// The object or the change that an event reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClerkEventContent {
    /// An event that cannot affect a plan.
    NoWork,
    /// The payer's billing subscription at Clerk changed.
    Billing(NamedPayer),
    /// A charge of a subscription's renewal failed.
    PaymentFailed(FailedCharge),
    /// A user or an organization was deleted.
    Deleted(Subject),
}

/// The payer that an event names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedPayer {
    /// A user or an organization.
    Subject(Subject),
    /// An id that does not have the form of Clerk's ids, with its length in bytes.
    InvalidId {
        /// The length of the id.
        bytes: usize,
    },
    /// No payer: some events about an item lack it.
    Missing,
}

/// A charge that failed. Codes with other characters than letters, digits, and underscores are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedCharge {
    /// The payer. For an organization's charge it may be the user who pays.
    pub(crate) payer: NamedPayer,
    /// The id of the payment attempt.
    pub(crate) attempt: Option<String>,
    /// The reason, such as `card_declined`.
    pub(crate) code: Option<String>,
    /// The bank's reason, such as `insufficient_funds`.
    pub(crate) decline_code: Option<String>,
}

/// An error of parsing a signed body as an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClerkEventError {
    /// The body is not JSON, or no object.
    #[error("the body is not a JSON object")]
    NoObject,
    /// The member `object` is not `event`.
    #[error("the body is not an event: its `object` has another value")]
    NoEvent,
    /// A member is missing or has another type.
    #[error("the body is not an event of Clerk: {0}")]
    Member(&'static str),
    /// The id of the deleted user or organization is malformed.
    #[error("the id of what was deleted: {0}")]
    DeletedId(IdError),
}

impl ClerkEvent {
    /// Parses an event.
    ///
    /// # Errors
    /// [`ClerkEventError`], see its variants.
    pub fn parse(body: &[u8]) -> Result<Self, ClerkEventError> {
        let body: Value = json::read(body).map_err(|_| ClerkEventError::NoObject)?;
        if !body.is_object() {
            return Err(ClerkEventError::NoObject);
        }
        match body.get("object").filter(|object| !object.is_null()) {
            None => {}
            Some(object) if object == "event" => {}
            Some(_) => return Err(ClerkEventError::NoEvent),
        }
        let event_type = text(&body, "type").ok_or(ClerkEventError::Member("type"))?;
        Ok(ClerkEvent {
            event_type: event_type.to_owned(),
            instance: text(&body, "instance_id").map(str::to_owned),
            content: ClerkEventContent::read(event_type, &body)?,
        })
    }
}

impl ClerkEventContent {
    fn read(event_type: &str, event: &Value) -> Result<Self, ClerkEventError> {
        let data =
            || event.get("data").filter(|data| data.is_object()).ok_or(ClerkEventError::Member("data"));
        let deleted = || text(data()?, "id").ok_or(ClerkEventError::Member("data.id"));
        Ok(match event_type {
            "subscription.created"
            | "subscription.updated"
            | "subscription.active"
            | "subscription.pastDue"
            | "subscriptionItem.active"
            | "subscriptionItem.canceled"
            | "subscriptionItem.ended"
            | "subscriptionItem.pastDue"
            | "subscriptionItem.updated"
            | "subscriptionItem.expired" => ClerkEventContent::Billing(NamedPayer::read(data()?)),
            "paymentAttempt.updated" if is_failed_renewal(data()?) => {
                ClerkEventContent::PaymentFailed(FailedCharge::read(data()?))
            }
            "user.deleted" => {
                let id = UserId::parse(deleted()?).map_err(ClerkEventError::DeletedId)?;
                ClerkEventContent::Deleted(Subject::User(id))
            }
            "organization.deleted" => {
                let id = OrganizationId::parse(deleted()?).map_err(ClerkEventError::DeletedId)?;
                ClerkEventContent::Deleted(Subject::Organization(id))
            }
            _ => ClerkEventContent::NoWork,
        })
    }
}

impl NamedPayer {
    /// Reads the member `payer`. An organization's payer names the organization too; a user's has an empty
    /// text there.
    fn read(data: &Value) -> Self {
        let payer = data.get("payer").unwrap_or(&Value::Null);
        let id = |name| text(payer, name).filter(|id| !id.is_empty());
        let parsed = match (id("organization_id"), id("user_id")) {
            (Some(id), _) => OrganizationId::parse(id).map(Subject::Organization).map_err(|_| id),
            (None, Some(id)) => UserId::parse(id).map(Subject::User).map_err(|_| id),
            (None, None) => return NamedPayer::Missing,
        };
        match parsed {
            Ok(subject) => NamedPayer::Subject(subject),
            Err(id) => NamedPayer::InvalidId { bytes: id.len() },
        }
    }

    /// Returns the subject, if the payer is one.
    pub(crate) fn subject(&self) -> Option<&Subject> {
        match self {
            NamedPayer::Subject(subject) => Some(subject),
            NamedPayer::InvalidId { .. } | NamedPayer::Missing => None,
        }
    }
}

impl FailedCharge {
    fn read(attempt: &Value) -> Self {
        let reason = attempt.get("failed_reason").unwrap_or(&Value::Null);
        let code = |of: &Value, name| text(of, name).filter(|code| is_code(code)).map(str::to_owned);
        FailedCharge {
            payer: NamedPayer::read(attempt),
            attempt: code(attempt, "id"),
            code: code(reason, "code"),
            decline_code: code(reason, "decline_code"),
        }
    }
}

/// Returns whether an attempt is a charge of a renewal that failed. A failed checkout is seen by the buyer.
fn is_failed_renewal(attempt: &Value) -> bool {
    text(attempt, "status") == Some("failed") && text(attempt, "charge_type") == Some("recurring")
}

fn is_code(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain && (1..=CODE_BYTES_MAX).contains(&text.len())
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Returns an event as Clerk sends it.
    fn event(event_type: &str, data: Value) -> Value {
        json!({
            "object": "event",
            "type": event_type,
            "instance_id": "ins_1",
            "timestamp": 1_716_883_200,
            "event_attributes": {"http_request": {"client_ip": "192.0.2.1", "user_agent": "x"}},
            "data": data,
        })
    }

    fn payer(user: &str, organization: Value) -> Value {
        json!({"payer": {"object": "commerce_payer", "id": "cpayer_1", "user_id": user, "organization_id": organization}})
    }

    fn parse(event: &Value) -> Result<ClerkEvent, ClerkEventError> {
        ClerkEvent::parse(event.to_string().as_bytes())
    }

    fn subject(id: &str) -> NamedPayer {
        NamedPayer::Subject(Subject::parse(id).unwrap())
    }

    #[test]
    fn the_events_that_can_change_a_plan_name_their_payer() {
        let types = [
            "subscription.created",
            "subscription.updated",
            "subscription.active",
            "subscription.pastDue",
            "subscriptionItem.active",
            "subscriptionItem.canceled",
            "subscriptionItem.ended",
            "subscriptionItem.pastDue",
            "subscriptionItem.updated",
            "subscriptionItem.expired",
        ];
        for event_type in types {
            let parsed = parse(&event(event_type, payer("user_1", json!("")))).unwrap();
            let content = ClerkEventContent::Billing(subject("user_1"));
            let instance = Some("ins_1".to_owned());
            assert_eq!(parsed, ClerkEvent { event_type: event_type.to_owned(), instance, content });
        }
    }

    #[test]
    fn a_payer_is_an_organization_or_a_user_or_absent() {
        let cases = [
            ("a user", payer("user_1", json!("")), subject("user_1")),
            ("a user, null", payer("user_1", json!(null)), subject("user_1")),
            ("an organization and its admin", payer("user_1", json!("org_1")), subject("org_1")),
            ("an organization alone", payer("", json!("org_1")), subject("org_1")),
            ("empty ids", payer("", json!("")), NamedPayer::Missing),
            ("no payer", json!({}), NamedPayer::Missing),
            ("a payer of another type", json!({"payer": "user_1"}), NamedPayer::Missing),
            ("a path", payer("user_1/..", json!("")), NamedPayer::InvalidId { bytes: 9 }),
            ("a user as organization", payer("user_1", json!("user_2")), NamedPayer::InvalidId { bytes: 6 }),
        ];
        for (why, data, want) in cases {
            let parsed = parse(&event("subscriptionItem.updated", data)).unwrap();
            assert_eq!(parsed.content, ClerkEventContent::Billing(want), "{why}");
        }
    }

    #[test]
    fn every_other_event_needs_no_work_whatever_it_contains() {
        let types = [
            "subscriptionItem.upcoming",
            "subscriptionItem.abandoned",
            "subscriptionItem.incomplete",
            "subscriptionItem.freeTrialEnding",
            "subscription.deleted",
            "subscription.canceled",
            "paymentAttempt.created",
            "user.created",
            "organizationMembership.deleted",
            "session.created",
            "email.created",
            "",
        ];
        for event_type in types {
            for data in [json!({}), json!(null), json!([7])] {
                let parsed = parse(&event(event_type, data)).unwrap();
                assert_eq!(parsed.content, ClerkEventContent::NoWork, "{event_type}");
            }
        }
    }

    #[test]
    fn only_a_failed_renewal_is_a_failed_payment() {
        let attempt = |status: &str, charge: &str, reason: Value| {
            let mut data = payer("user_1", json!(null));
            data["id"] = json!("pa_1");
            data["status"] = json!(status);
            data["charge_type"] = json!(charge);
            data["failed_reason"] = reason;
            parse(&event("paymentAttempt.updated", data)).unwrap().content
        };
        let reason = json!({"code": "card_declined", "decline_code": "insufficient_funds"});
        let failed = |code: Option<&str>, decline_code: Option<&str>| {
            ClerkEventContent::PaymentFailed(FailedCharge {
                payer: subject("user_1"),
                attempt: Some("pa_1".to_owned()),
                code: code.map(str::to_owned),
                decline_code: decline_code.map(str::to_owned),
            })
        };
        let whole = failed(Some("card_declined"), Some("insufficient_funds"));
        assert_eq!(attempt("failed", "recurring", reason.clone()), whole);
        assert_eq!(attempt("failed", "recurring", json!(null)), failed(None, None));
        assert_eq!(
            attempt("failed", "recurring", json!({"code": "a b", "decline_code": ""})),
            failed(None, None)
        );
        for (status, charge) in [("paid", "recurring"), ("pending", "recurring"), ("failed", "checkout")] {
            assert_eq!(
                attempt(status, charge, reason.clone()),
                ClerkEventContent::NoWork,
                "{status} {charge}"
            );
        }
    }

    #[test]
    fn a_deletion_names_what_was_deleted() {
        let deleted = |event_type: &str, id: &str| {
            parse(&event(event_type, json!({"object": "user", "id": id, "deleted": true})))
        };
        let content = |id: &str| ClerkEventContent::Deleted(Subject::parse(id).unwrap());
        assert_eq!(deleted("user.deleted", "user_1").unwrap().content, content("user_1"));
        assert_eq!(deleted("organization.deleted", "org_1").unwrap().content, content("org_1"));
        for (event_type, id) in
            [("user.deleted", "org_1"), ("organization.deleted", "user_1"), ("user.deleted", "")]
        {
            assert!(
                matches!(deleted(event_type, id), Err(ClerkEventError::DeletedId(_))),
                "{event_type} {id}"
            );
        }
        let nameless = parse(&event("user.deleted", json!({"deleted": true})));
        assert_eq!(nameless, Err(ClerkEventError::Member("data.id")));
    }

    #[test]
    fn a_body_that_is_no_event_is_refused() {
        let cases = [
            ("no JSON", "x", ClerkEventError::NoObject),
            ("a list", "[]", ClerkEventError::NoObject),
            ("empty", "", ClerkEventError::NoObject),
            ("another object", r#"{"object": "user", "type": "user.created"}"#, ClerkEventError::NoEvent),
            ("no type", r#"{"object": "event"}"#, ClerkEventError::Member("type")),
            ("a number as type", r#"{"object": "event", "type": 7}"#, ClerkEventError::Member("type")),
            (
                "an event that needs its data",
                r#"{"object": "event", "type": "subscription.updated"}"#,
                ClerkEventError::Member("data"),
            ),
        ];
        for (why, body, want) in cases {
            assert_eq!(ClerkEvent::parse(body.as_bytes()), Err(want), "{why}");
        }
        let bare = ClerkEvent::parse(br#"{"type": "user.created"}"#).unwrap();
        assert_eq!((bare.instance, bare.content), (None, ClerkEventContent::NoWork));
    }
}
