//! Whose a subscription is: the user or the organisation that metadata or a Checkout Session names.
//!
//! Metadata are believed because the user's own server wrote them, and only under the keys that the configuration
//! names. An organisation goes before a user: it is the more particular of the two.

use crate::config::SubjectKeys;
use crate::ids::{OrganizationId, Subject, UserId};
use crate::stripe::session::Session;
use crate::stripe::subscription::Subscription;
use std::collections::BTreeMap;

/// Stripe's metadata: text by key.
pub(crate) type Metadata = BTreeMap<String, String>;

/// What was found where a name could stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Whom it names.
    pub(crate) subject: Option<Subject>,
    /// Keys of ours whose value is no id of the kind that belongs there.
    pub(crate) unfit: Vec<String>,
}

/// How a Checkout Session names somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// In its metadata, which only the user's own server writes.
    Metadata,
    /// In `client_reference_id`, which the payer chooses on a payment link: it can give a plan, never take one.
    Reference,
}

/// Whom metadata name.
pub(crate) fn named_in(metadata: &Metadata, keys: &SubjectKeys) -> Finding {
    let mut finding = Finding::default();
    let organizations = keys.organization.iter().map(|key| (key, Kind::Organization));
    let users = keys.user.iter().map(|key| (key, Kind::User));
    for (key, kind) in organizations.chain(users) {
        let Some(value) = metadata.get(key).filter(|value| !value.is_empty()) else { continue };
        match kind.parse(value) {
            Some(subject) => {
                finding.subject.get_or_insert(subject);
            }
            None => finding.unfit.push(key.clone()),
        }
    }
    finding
}

/// Whose a subscription is by its own metadata, else by its customer's.
pub(crate) fn owner_by_metadata(subscription: &Subscription, keys: &SubjectKeys) -> Finding {
    let own = named_in(&subscription.metadata, keys);
    if own.subject.is_some() {
        return own;
    }
    let customers = named_in(&subscription.customer.metadata, keys);
    let unfit = own.unfit.into_iter().chain(customers.unfit).collect();
    Finding { subject: customers.subject, unfit }
}

/// Whom the Checkout Sessions of a subscription name: metadata, then `client_reference_id`.
pub(crate) fn owner_by_session(
    sessions: &[Session],
    keys: &SubjectKeys,
    client_reference_id: bool,
) -> Option<(Subject, Via)> {
    let by_metadata = sessions.iter().find_map(|session| named_in(&session.metadata, keys).subject);
    if let Some(subject) = by_metadata {
        return Some((subject, Via::Metadata));
    }
    let references = sessions.iter().filter_map(|session| session.client_reference_id.as_deref());
    let mut subjects = references.filter(|_| client_reference_id).filter_map(|id| Subject::parse(id).ok());
    subjects.next().map(|subject| (subject, Via::Reference))
}

/// The key under which a subject is recorded: the first that the configuration names for its kind.
pub(crate) fn key_for<'a>(subject: &Subject, keys: &'a SubjectKeys) -> Option<&'a str> {
    let keys = match subject {
        Subject::User(_) => &keys.user,
        Subject::Organization(_) => &keys.organization,
    };
    keys.first().map(String::as_str)
}

#[derive(Clone, Copy)]
enum Kind {
    User,
    Organization,
}

impl Kind {
    fn parse(self, value: &str) -> Option<Subject> {
        match self {
            Kind::User => UserId::parse(value).ok().map(Subject::User),
            Kind::Organization => OrganizationId::parse(value).ok().map(Subject::Organization),
        }
    }
}
