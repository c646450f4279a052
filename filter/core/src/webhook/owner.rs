//! Whose a subscription is: the user or the organisation that metadata or a Checkout Session names.
//!
//! Metadata are believed because the user's own server wrote them, and only under the keys that the configuration
//! names. An organisation goes before a user: it is the more particular of the two. `client_reference_id` is believed
//! less, for on a payment link the payer chooses it: it can give a plan, never take one.

use crate::config::SubjectKeys;
use crate::ids::{OrganizationId, Subject, UserId};
use crate::stripe::checkout_session::CheckoutSession;
use crate::stripe::object::Metadata;
use crate::stripe::subscription::Subscription;

/// The key under which it is recorded on a subscription that its owner was named by `client_reference_id`.
pub(super) const NAMED_BY_KEY: &str = "tollgate_named_by";

/// The value under that key.
pub(super) const NAMED_BY_REFERENCE: &str = "client_reference_id";

/// Somebody who was named, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) subject: Subject,
    pub(super) via: Via,
}

/// How somebody was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Via {
    /// In metadata, which only the user's own server writes.
    Metadata,
    /// In `client_reference_id`, which the payer may have chosen.
    Reference,
}

/// What was found in metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    /// Whom they name.
    pub(super) subject: Option<Subject>,
    /// Keys of ours whose value is no id of the kind that belongs there.
    pub(super) unfit: Vec<String>,
}

/// Whom metadata name.
pub(super) fn named_in(metadata: &Metadata, keys: &SubjectKeys) -> Finding {
    let mut finding = Finding::default();
    let organization = |value: &str| OrganizationId::parse(value).ok().map(Subject::Organization);
    let user = |value: &str| UserId::parse(value).ok().map(Subject::User);
    for key in &keys.organization {
        finding.look_at(key, metadata, organization);
    }
    for key in &keys.user {
        finding.look_at(key, metadata, user);
    }
    finding
}

impl Finding {
    fn look_at(&mut self, key: &str, metadata: &Metadata, parse: impl Fn(&str) -> Option<Subject>) {
        match metadata.get(key).filter(|value| !value.is_empty()).map(parse) {
            None => {}
            Some(Some(subject)) => {
                self.subject.get_or_insert(subject);
            }
            Some(None) => self.unfit.push(key.to_owned()),
        }
    }
}

/// Whose a subscription is by its own metadata, else by its customer's.
pub(super) fn owner_by_metadata(
    subscription: &Subscription,
    keys: &SubjectKeys,
) -> (Option<Named>, Vec<String>) {
    let (named, unfit) = named_by_metadata(subscription, keys);
    (named.into_iter().next(), unfit)
}

/// Whom a subscription's own metadata name, and then whom its customer's do. The first is the owner.
pub(super) fn named_by_metadata(
    subscription: &Subscription,
    keys: &SubjectKeys,
) -> (Vec<Named>, Vec<String>) {
    let own = named_in(&subscription.metadata, keys);
    let via = via_of(&subscription.metadata);
    let own_name = own.subject.map(|subject| Named { subject, via });
    let customer = subscription.customer_object.as_ref();
    let customers = customer.map(|customer| named_in(&customer.metadata, keys)).unwrap_or_default();
    let customers_name = customers.subject.map(|subject| Named { subject, via: Via::Metadata });
    let unfit = own.unfit.into_iter().chain(customers.unfit).collect();
    (own_name.into_iter().chain(customers_name).collect(), unfit)
}

/// How far a subscription's own metadata are to be believed: some were recorded from a `client_reference_id`.
pub(super) fn via_of(metadata: &Metadata) -> Via {
    match metadata.get(NAMED_BY_KEY) {
        Some(NAMED_BY_REFERENCE) => Via::Reference,
        _ => Via::Metadata,
    }
}

/// Whom the Checkout Sessions of a subscription name: metadata, then `client_reference_id` if it may.
pub(super) fn owner_by_session(
    sessions: &[CheckoutSession],
    keys: &SubjectKeys,
    client_reference_id: bool,
) -> Option<Named> {
    let by_metadata = sessions.iter().find_map(|session| named_in(&session.metadata, keys).subject);
    if let Some(subject) = by_metadata {
        return Some(Named { subject, via: Via::Metadata });
    }
    let mut references = sessions.iter().filter_map(|session| session.client_reference_id.as_deref());
    let subject = references.find_map(|id| Subject::parse(id).ok()).filter(|_| client_reference_id)?;
    Some(Named { subject, via: Via::Reference })
}

/// The key under which a subject is recorded: the first that the configuration names for its kind.
pub(super) fn key_for<'a>(subject: &Subject, keys: &'a SubjectKeys) -> Option<&'a str> {
    let keys = match subject {
        Subject::User(_) => &keys.user,
        Subject::Organization(_) => &keys.organization,
    };
    keys.first().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> SubjectKeys {
        SubjectKeys {
            user: vec!["clerk_user_id".to_owned(), "userId".to_owned()],
            organization: vec!["clerk_org_id".to_owned()],
        }
    }

    fn metadata(pairs: &[(&str, &str)]) -> Metadata {
        pairs.iter().copied().collect()
    }

    fn subscription(own: &[(&str, &str)], customers: &[(&str, &str)]) -> Subscription {
        let pairs =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect();
        let own: serde_json::Map<String, serde_json::Value> = pairs(own);
        let customers: serde_json::Map<String, serde_json::Value> = pairs(customers);
        let json = serde_json::json!({
            "id": "sub_1", "object": "subscription", "status": "active", "created": 1, "metadata": own,
            "customer": {"id": "cus_1", "object": "customer", "metadata": customers},
            "items": {"object": "list", "data": [], "has_more": false},
        });
        Subscription::parse(json.to_string().as_bytes()).unwrap()
    }

    fn session(pairs: &[(&str, &str)], reference: Option<&str>) -> CheckoutSession {
        CheckoutSession {
            id: "cs_1".to_owned(),
            metadata: metadata(pairs),
            client_reference_id: reference.map(str::to_owned),
            customer: None,
            subscription: None,
            created_s: 1,
        }
    }

    #[test]
    fn only_ids_under_our_keys_are_names() {
        type Case = (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>, usize);
        let cases: &[Case] = &[
            ("a user", &[("clerk_user_id", "user_1")], Some("user_1"), 0),
            ("a second key", &[("userId", "user_1")], Some("user_1"), 0),
            ("an organisation", &[("clerk_org_id", "org_1")], Some("org_1"), 0),
            ("it goes first", &[("clerk_user_id", "user_1"), ("clerk_org_id", "org_1")], Some("org_1"), 0),
            (
                "the first key of a kind",
                &[("userId", "user_2"), ("clerk_user_id", "user_1")],
                Some("user_1"),
                0,
            ),
            ("another key", &[("user", "user_1")], None, 0),
            ("an emptied key", &[("clerk_user_id", "")], None, 0),
            ("the wrong kind", &[("clerk_org_id", "user_1")], None, 1),
            ("no id", &[("clerk_user_id", "user_1/../x")], None, 1),
            (
                "no id, but a user",
                &[("clerk_org_id", "acme"), ("clerk_user_id", "user_1")],
                Some("user_1"),
                1,
            ),
        ];
        for (why, pairs, want, unfit) in cases {
            let found = named_in(&metadata(pairs), &keys());
            assert_eq!(found.subject.as_ref().map(Subject::as_str), *want, "{why}");
            assert_eq!(found.unfit.len(), *unfit, "{why}");
        }
    }

    #[test]
    fn a_subscriptions_own_metadata_go_before_its_customers() {
        let customers = [("clerk_user_id", "user_2")];
        for (why, own, want) in [
            ("its own", &[("clerk_user_id", "user_1")][..], "user_1"),
            ("the customer's", &[], "user_2"),
            ("its own is no id", &[("clerk_user_id", "x")], "user_2"),
        ] {
            let (named, _) = owner_by_metadata(&subscription(own, &customers), &keys());
            let named = named.unwrap();
            assert_eq!((named.subject.as_str(), named.via), (want, Via::Metadata), "{why}");
        }
        assert_eq!(owner_by_metadata(&subscription(&[], &[]), &keys()).0, None);
    }

    #[test]
    fn what_was_recorded_from_a_reference_stays_a_reference() {
        let own = [("clerk_user_id", "user_1"), (NAMED_BY_KEY, NAMED_BY_REFERENCE)];
        let (named, _) = owner_by_metadata(&subscription(&own, &[]), &keys());
        assert_eq!(named.unwrap().via, Via::Reference);
    }

    #[test]
    fn a_session_names_by_metadata_then_by_reference() {
        let by = |sessions: &[CheckoutSession], reference| {
            let named = owner_by_session(sessions, &keys(), reference);
            named.map(|named| (named.subject.as_str().to_owned(), named.via))
        };
        let both = session(&[("clerk_user_id", "user_1")], Some("user_2"));
        let reference = session(&[], Some("org_3"));
        assert_eq!(by(std::slice::from_ref(&both), true), Some(("user_1".to_owned(), Via::Metadata)));
        assert_eq!(by(std::slice::from_ref(&reference), true), Some(("org_3".to_owned(), Via::Reference)));
        assert_eq!(by(std::slice::from_ref(&reference), false), None);
        assert_eq!(by(&[reference, both], true), Some(("user_1".to_owned(), Via::Metadata)));
        assert_eq!(by(&[session(&[], Some("order 66"))], true), None);
    }
}
