//! Creates events as Stripe sends them: a complete envelope, and the fields of the object that the gateway
//! reads.

use clap::Args;
use serde_json::{Map, Value, json};
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
    /// The Stripe customer.
    #[arg(long, value_name = "cus_…", default_value = "cus_tollgate")]
    pub(super) customer: String,
    /// The Stripe subscription.
    #[arg(long, value_name = "sub_…", default_value = "sub_tollgate")]
    pub(super) subscription: String,
    /// The Clerk user, in the object's metadata as `clerk_user_id` and as a checkout's `client_reference_id`.
    #[arg(long, value_name = "user_…")]
    pub(super) user: Option<String>,
    /// The Clerk organization, in the object's metadata as `clerk_org_id`.
    #[arg(long, value_name = "org_…")]
    pub(super) organization: Option<String>,
}

/// Creates an event of that type.
///
/// # Errors
/// The list of the types, if it is none of them.
pub(super) fn make(kind: &str, about: &Subjects, live: bool, now: Micros) -> Result<Value, String> {
    let now_s = now.as_secs();
    let object = TYPES.iter().find(|(_, kinds)| kinds.contains(&kind)).map(|(object, _)| *object);
    let object = match object {
        Some("checkout.session") => session(about, live),
        Some("subscription") => subscription(kind, about, live, now_s),
        Some("invoice") => invoice(kind, about, live),
        Some("customer") => customer(kind, about, live),
        _ => {
            let all: Vec<&str> = TYPES.iter().flat_map(|(_, kinds)| kinds.iter().copied()).collect();
            return Err(format!(
                "--type: no event of the type {kind:?} can be created; the types are {}; send any other with --file",
                all.join(", ")
            ));
        }
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

fn session(about: &Subjects, live: bool) -> Value {
    json!({
        "id": "cs_tollgate", "object": "checkout.session", "livemode": live, "mode": "subscription",
        "status": "complete", "payment_status": "paid", "customer": about.customer,
        "subscription": about.subscription, "metadata": metadata(about),
        "client_reference_id": about.user.as_ref().or(about.organization.as_ref()),
    })
}

fn subscription(kind: &str, about: &Subjects, live: bool, now_s: u64) -> Value {
    let status = match kind {
        "customer.subscription.deleted" => "canceled",
        "customer.subscription.paused" => "paused",
        _ => "active",
    };
    json!({
        "id": about.subscription, "object": "subscription", "livemode": live, "created": now_s,
        "customer": about.customer, "status": status, "metadata": metadata(about),
        "items": {"object": "list", "data": [], "has_more": false},
    })
}

fn invoice(kind: &str, about: &Subjects, live: bool) -> Value {
    let paid = kind == "invoice.paid";
    json!({
        "id": "in_tollgate", "object": "invoice", "livemode": live, "customer": about.customer,
        "status": if paid { "paid" } else { "open" }, "attempt_count": 1, "billing_reason": "subscription_cycle",
        "next_payment_attempt": null, "metadata": {},
        "parent": {
            "type": "subscription_details",
            "subscription_details": {"subscription": about.subscription, "metadata": metadata(about)},
        },
    })
}

fn customer(kind: &str, about: &Subjects, live: bool) -> Value {
    let mut customer =
        json!({"id": about.customer, "object": "customer", "livemode": live, "metadata": metadata(about)});
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
            customer: "cus_1".to_owned(),
            subscription: "sub_1".to_owned(),
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
}
