//! Creates events as Stripe sends them: a complete envelope, and the fields of the object that the gateway
//! reads.

use clap::Args;
use serde_json::{Map, Value, json};
use std::path::Path;
use tollgate_core::ids::{CustomerId, Subject, SubscriptionId};
use tollgate_core::time::Micros;

/// The version of Stripe's API whose forms these are.
const API_VERSION: &str = "2026-08-26.dahlia";

/// The types that can be created, by their object.
const TYPES: [(&str, &[&str]); 4] = [
    ("checkout.session", &["checkout.session.completed", "checkout.session.async_payment_succeeded"]),
    (
        "subscription",
        &[
            "customer.subscription.created",
            "customer.subscription.updated",
            "customer.subscription.deleted",
            "customer.subscription.paused",
            "customer.subscription.resumed",
        ],
    ),
    ("invoice", &["invoice.paid", "invoice.payment_failed"]),
    ("customer", &["customer.updated", "customer.deleted"]),
];

/// The subjects of the event.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Subjects {
    /// The Stripe customer. Each --type needs it.
    #[arg(long, value_name = "cus_…", value_parser = customer_id)]
    pub(super) customer: Option<String>,
    /// The Stripe subscription. Each --type except those of a customer needs it.
    #[arg(long, value_name = "sub_…", value_parser = subscription_id)]
    pub(super) subscription: Option<String>,
    /// The Clerk user, in the object's metadata as `clerk_user_id` and as a checkout's `client_reference_id`.
    #[arg(long, value_name = "user_…", value_parser = user_id)]
    pub(super) user: Option<String>,
    /// The Clerk organization, in the object's metadata as `clerk_org_id`.
    #[arg(long, value_name = "org_…", value_parser = organization_id)]
    pub(super) organization: Option<String>,
}

fn customer_id(text: &str) -> Result<String, String> {
    // An account can choose the ids of its customers, but these are prefixes of other objects.
    const OTHERS: [&str; 6] = ["sub_", "user_", "org_", "in_", "price_", "prod_"];
    if let Some(other) = OTHERS.iter().find(|other| text.starts_with(*other)) {
        return Err(format!("an id that begins with {other} is not that of a customer"));
    }
    CustomerId::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn subscription_id(text: &str) -> Result<String, String> {
    SubscriptionId::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn user_id(text: &str) -> Result<String, String> {
    match Subject::parse(text) {
        Ok(Subject::User(_)) => Ok(text.to_owned()),
        Ok(_) => Err("this is an organization: write --organization".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn organization_id(text: &str) -> Result<String, String> {
    match Subject::parse(text) {
        Ok(Subject::User(_)) => Err("this is a user: write --user".to_owned()),
        Ok(_) => Ok(text.to_owned()),
        Err(_) => {
            Err("expected `org_` and letters, digits or underscores, at most 255 characters".to_owned())
        }
    }
}

/// The objects of an event, all of them given.
struct Ids<'a> {
    customer: &'a str,
    /// Empty in events of a customer, which name none.
    subscription: &'a str,
    about: &'a Subjects,
}

impl<'a> Ids<'a> {
    /// # Errors
    /// An object of this kind needs an id that is not given.
    fn of(object: &str, about: &'a Subjects) -> Result<Self, String> {
        let why = "the gateway reads it from Stripe, so name one that exists there";
        let customer = about.customer.as_deref().ok_or_else(|| format!("--customer: missing; {why}"))?;
        let subscription = match (about.subscription.as_deref(), object) {
            (Some(subscription), _) => subscription,
            (None, "customer") => "",
            (None, _) => return Err(format!("--subscription: missing; {why}")),
        };
        Ok(Ids { customer, subscription, about })
    }
}

/// Reads the event in a file, which is sent as it is.
///
/// # Errors
/// It cannot be read, or is no JSON object.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, String> {
    let name = file.display();
    let bytes = std::fs::read(file).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    match serde_json::from_slice::<Map<String, Value>>(&bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!(
            "{name}: is not an event: {error}; save one with `stripe events retrieve evt_… > event.json`"
        )),
    }
}

/// Creates an event of that type.
///
/// # Errors
/// The list of the types, if it is none of them; or a missing id.
pub(super) fn make(kind: &str, about: &Subjects, live: bool, now: Micros) -> Result<Value, String> {
    let now_s = now.as_secs();
    let Some((object, _)) = TYPES.iter().find(|(_, kinds)| kinds.contains(&kind)) else {
        let all: Vec<&str> = TYPES.iter().flat_map(|(_, kinds)| kinds.iter().copied()).collect();
        return Err(format!(
            "--type: no event of the type {kind:?} can be created; the types are {}; send any other with --file",
            all.join(", ")
        ));
    };
    let ids = Ids::of(object, about)?;
    let object = match *object {
        "checkout.session" => session(&ids, live),
        "subscription" => subscription(kind, &ids, live, now_s),
        "invoice" => invoice(kind, &ids, live),
        _ => customer(kind, &ids, live),
    };
    Ok(json!({
        "id": format!("evt_tollgate{}", now.as_micros()),
        "object": "event",
        "api_version": API_VERSION,
        "created": now_s,
        "data": {"object": object},
        "livemode": live,
        "pending_webhooks": 1,
        "request": {"id": null, "idempotency_key": null},
        "type": kind,
    }))
}

fn metadata(about: &Subjects) -> Value {
    let keys = [("clerk_user_id", &about.user), ("clerk_org_id", &about.organization)];
    let given = keys.into_iter().filter_map(|(key, id)| Some((key.to_owned(), json!(id.as_ref()?))));
    Value::Object(given.collect::<Map<_, _>>())
}

fn session(ids: &Ids<'_>, live: bool) -> Value {
    json!({
        "id": "cs_tollgate", "object": "checkout.session", "livemode": live, "mode": "subscription",
        "status": "complete", "payment_status": "paid", "customer": ids.customer,
        "subscription": ids.subscription, "metadata": metadata(ids.about),
        "client_reference_id": ids.about.user.as_ref().or(ids.about.organization.as_ref()),
    })
}

fn subscription(kind: &str, ids: &Ids<'_>, live: bool, now_s: u64) -> Value {
    let status = match kind {
        "customer.subscription.deleted" => "canceled",
        "customer.subscription.paused" => "paused",
        _ => "active",
    };
    json!({
        "id": ids.subscription, "object": "subscription", "livemode": live, "created": now_s,
        "customer": ids.customer, "status": status, "metadata": metadata(ids.about),
        "items": {"object": "list", "data": [], "has_more": false},
    })
}

fn invoice(kind: &str, ids: &Ids<'_>, live: bool) -> Value {
    let paid = kind == "invoice.paid";
    json!({
        "id": "in_tollgate", "object": "invoice", "livemode": live, "customer": ids.customer,
        "status": if paid { "paid" } else { "open" }, "attempt_count": 1, "billing_reason": "subscription_cycle",
        "next_payment_attempt": null, "metadata": {},
        "parent": {
            "type": "subscription_details",
            "subscription_details": {"subscription": ids.subscription, "metadata": metadata(ids.about)},
        },
    })
}

fn customer(kind: &str, ids: &Ids<'_>, live: bool) -> Value {
    let mut customer =
        json!({"id": ids.customer, "object": "customer", "livemode": live, "metadata": metadata(ids.about)});
    if kind == "customer.deleted"
        && let Some(members) = customer.as_object_mut()
    {
        members.insert("deleted".to_owned(), json!(true));
    }
    customer
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::stripe::event::{Event, EventKind};

    #[test]
    fn the_gateway_reads_the_subjects_of_each_type() {
        let about = Subjects {
            customer: Some("cus_1".to_owned()),
            subscription: Some("sub_1".to_owned()),
            user: Some("user_1".to_owned()),
            organization: None,
        };
        for (object, kinds) in TYPES {
            for kind in kinds {
                let event = make(kind, &about, true, Micros::from_secs(1_795_703_415)).unwrap();
                let event =
                    Event::parse(event.to_string().as_bytes()).unwrap_or_else(|e| panic!("{kind}: {e}"));
                assert_ne!(event.kind, EventKind::NoWork, "{kind}");
                assert_eq!(event.names.customer.as_ref().map(|id| id.as_str()), Some("cus_1"), "{kind}");
                let named = event.names.subscription.as_ref().map(|id| id.as_str());
                assert_eq!(named, (object != "customer").then_some("sub_1"), "{kind}");
                assert_eq!((event.event_type.as_str(), event.livemode), (*kind, Some(true)));
            }
        }
        let error = make("charge.refunded", &about, true, Micros::default()).unwrap_err();
        assert!(error.contains("--file") && error.contains("invoice.paid"), "{error}");
    }

    #[test]
    fn ids_are_required_and_checked() {
        let made = |kind: &str, about: &Subjects| make(kind, about, false, Micros::default()).map(|_| ());
        let none = Subjects::default();
        let customer = Subjects { customer: Some("cus_1".to_owned()), ..Subjects::default() };
        assert!(made("invoice.paid", &none).unwrap_err().starts_with("--customer: missing"));
        assert!(made("invoice.paid", &customer).unwrap_err().starts_with("--subscription: missing"));
        assert_eq!(made("customer.updated", &customer), Ok(()));
        assert!(customer_id("sub_1").is_err() && subscription_id("cus_1").is_err());
        assert!(user_id("org_1").unwrap_err().contains("--organization") && organization_id("org_1").is_ok());
    }
}
