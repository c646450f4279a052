//! Determines the owner of a subscription: the user or organization that metadata or a Checkout Session
//! names.
//!
//! The order of precedence is: the subscription's own metadata, the metadata of its Checkout Session, its
//! customer's metadata, the session's `client_reference_id`. Metadata is trusted because only the merchant's
//! server writes it, and only under the configured keys. An organization takes precedence over a user,
//! because it is more specific. `client_reference_id` is trusted less, because the payer chooses it on a
//! payment link: it can grant a plan but never remove one. An [`OwnerNote`] replaces a session that was not
//! read.

use super::note::{FormerNote, NoteChange, NoteSource, OwnerNote};
use crate::config::note_keys::{FORMER_MARK_KEY, OWNER_KEY};
use crate::config::{SubjectKeys, SyncSettings};
use crate::ids::{OrganizationId, Subject, UserId};
use crate::stripe::checkout_session::CheckoutSession;
use crate::stripe::object::Metadata;
use crate::stripe::subscription::Subscription;

/// A named subject and the kind of object that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedSubject {
    pub(crate) subject: Subject,
    pub(crate) via: Via,
}

/// The kind of claim that names a subject; the strongest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Via {
    /// Metadata, which only the merchant's server writes.
    Metadata,
    /// A `client_reference_id`, which the payer may have chosen.
    Reference,
}

impl From<NoteSource> for Via {
    fn from(source: NoteSource) -> Self {
        match source {
            NoteSource::SessionMetadata => Via::Metadata,
            NoteSource::Reference => Via::Reference,
        }
    }
}

/// The result of reading metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MetadataSubject {
    /// The subject that the metadata names.
    pub(crate) subject: Option<Subject>,
    /// Configured keys whose value is not a valid id of the expected kind.
    pub(crate) invalid_keys: Vec<String>,
}

/// Returns the subject that metadata names under the configured keys.
pub(crate) fn named_in(metadata: &Metadata, keys: &SubjectKeys) -> MetadataSubject {
    named_by(metadata, keys, |_| true)
}

/// Returns the subject that metadata names, considering only values for which `counts` is true.
fn named_by(metadata: &Metadata, keys: &SubjectKeys, counts: impl Fn(&str) -> bool) -> MetadataSubject {
    let mut finding = MetadataSubject::default();
    let organization = |value: &str| OrganizationId::parse(value).ok().map(Subject::Organization);
    let user = |value: &str| UserId::parse(value).ok().map(Subject::User);
    for key in &keys.organization {
        finding.add(key, metadata.get(key).filter(|value| counts(value)), organization);
    }
    for key in &keys.user {
        finding.add(key, metadata.get(key).filter(|value| counts(value)), user);
    }
    finding
}

impl MetadataSubject {
    fn add(&mut self, key: &str, value: Option<&str>, parse: impl Fn(&str) -> Option<Subject>) {
        match value.filter(|value| !value.is_empty()).map(parse) {
            None => {}
            Some(Some(subject)) => {
                self.subject.get_or_insert(subject);
            }
            Some(None) => self.invalid_keys.push(key.to_owned()),
        }
    }
}

/// The subjects under the configured keys of a subscription's metadata: those that the merchant set, and
/// those that an earlier release set.
#[derive(Clone, Debug)]
struct OwnClaims {
    by_merchant: MetadataSubject,
    by_former_note: MetadataSubject,
}

impl OwnClaims {
    fn new(metadata: &Metadata, keys: &SubjectKeys, former: Option<FormerNote<'_>>) -> Self {
        let is_former = |value: &str| former.is_some_and(|former| former.contains(value));
        OwnClaims {
            by_merchant: named_by(metadata, keys, |value| !is_former(value)),
            by_former_note: named_by(metadata, keys, is_former),
        }
    }
}

/// Returns the subjects that a subscription's metadata in an event names, and the invalid keys. A note there
/// only says which subjects to check.
pub(crate) fn named_in_event(metadata: &Metadata, keys: &SubjectKeys) -> (Vec<NamedSubject>, Vec<String>) {
    let own = OwnClaims::new(metadata, keys, FormerNote::read(metadata, None));
    let note = OwnerNote::read(metadata).ok().flatten();
    let named = |subject: Option<Subject>, via| subject.map(|subject| NamedSubject { subject, via });
    let names =
        [named(own.by_merchant.subject, Via::Metadata), named(own.by_former_note.subject, Via::Reference)];
    let noted = note.map(|note| NamedSubject { subject: note.subject, via: Via::Reference });
    (names.into_iter().flatten().chain(noted).collect(), own.by_merchant.invalid_keys)
}

/// Returns the subjects that a subscription's metadata named before an event changed it, and the invalid
/// keys. `now` is the present metadata.
pub(crate) fn named_before(
    previous: &Metadata,
    now: &Metadata,
    keys: &SubjectKeys,
) -> (Vec<NamedSubject>, Vec<String>) {
    // The mark that the payer chose the subject is still there, or was removed by the same change.
    let is_marked = [previous, now].iter().any(|metadata| metadata.get(FORMER_MARK_KEY).is_some());
    let via = if is_marked { Via::Reference } else { Via::Metadata };
    let finding = named_in(previous, keys);
    let named = finding.subject.map(|subject| NamedSubject { subject, via });
    let noted = previous.get(OWNER_KEY).and_then(|subject| Subject::parse(subject).ok());
    let noted = noted.map(|subject| NamedSubject { subject, via: Via::Reference });
    (named.into_iter().chain(noted).collect(), finding.invalid_keys)
}

/// The claims in the Checkout Sessions of a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionClaims {
    /// Whether there is a session.
    has_session: bool,
    /// The subject in the sessions' metadata.
    metadata: Option<Subject>,
    /// The subject in the sessions' `client_reference_id`.
    pub(crate) reference: Option<Subject>,
}

impl SessionClaims {
    /// Creates the claims of these sessions, which must be sorted from oldest to newest.
    pub(crate) fn new(sessions: &[CheckoutSession], keys: &SubjectKeys) -> Self {
        let references = sessions.iter().filter_map(|session| session.client_reference_id.as_deref());
        SessionClaims {
            has_session: !sessions.is_empty(),
            metadata: sessions.iter().find_map(|session| named_in(&session.metadata, keys).subject),
            reference: references.filter_map(|id| Subject::parse(id).ok()).next(),
        }
    }

    /// Returns whether the sessions' metadata names a subject.
    pub(crate) fn has_metadata(&self) -> bool {
        self.metadata.is_some()
    }

    /// Returns whether the sessions name no subject.
    pub(crate) fn is_empty(&self) -> bool {
        self.metadata.is_none() && self.reference.is_none()
    }

    /// Returns the owner according to the sessions alone.
    pub(crate) fn owner(&self, settings: &SyncSettings) -> Option<NamedSubject> {
        let named = self.note().map(|note| NamedSubject { via: note.source.into(), subject: note.subject });
        named.filter(|named| named.via == Via::Metadata || settings.client_reference_id)
    }

    /// Returns the note that caches these claims.
    fn note(&self) -> Option<OwnerNote> {
        let note = |subject: &Subject, source| OwnerNote { subject: subject.clone(), source };
        let by_metadata = self.metadata.as_ref().map(|subject| note(subject, NoteSource::SessionMetadata));
        by_metadata.or_else(|| self.reference.as_ref().map(|subject| note(subject, NoteSource::Reference)))
    }
}

/// All claims to one subscription.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    /// The subjects of all effective claims, the strongest first.
    effective: Vec<NamedSubject>,
    /// The subjects in notes, even if the notes are not effective.
    noted: Vec<NamedSubject>,
    /// Metadata keys whose value is not a valid id of the expected kind.
    pub(crate) invalid_keys: Vec<String>,
    /// Whether the sessions must be read, because neither the subscription's metadata nor a note names an
    /// owner.
    pub(crate) needs_session: bool,
    /// The change of the note on the subscription, if it is out of date.
    pub(crate) note_change: Option<NoteChange>,
}

impl Claims {
    /// Creates the claims to a subscription; `session` is `None` if its Checkout Sessions were not read.
    pub(crate) fn new(
        subscription: &Subscription,
        session: Option<&SessionClaims>,
        settings: &SyncSettings,
    ) -> Self {
        let (metadata, keys) = (&subscription.metadata, &settings.subject_keys);
        let former = FormerNote::read(metadata, session.and_then(|session| session.reference.as_ref()));
        let own = OwnClaims::new(metadata, keys, former);
        let (note, invalid_note) = match OwnerNote::read(metadata) {
            Ok(note) => (note, None),
            Err(key) => (None, Some(key.to_owned())),
        };
        let customer = subscription.customer_object.as_ref();
        let customers = customer.map(|customer| named_in(&customer.metadata, keys)).unwrap_or_default();
        // If there is a session, its claims count, and a note that differs is ignored.
        let read = session.filter(|session| session.has_session);
        let former_note = own
            .by_former_note
            .subject
            .clone()
            .map(|subject| OwnerNote { subject, source: NoteSource::Reference });
        let session_note = match read {
            Some(session) => session.note().or(former_note),
            None => note.clone().or(former_note),
        };
        let note_change = NoteChange::new(metadata, keys, note.as_ref(), former, session_note.clone());
        let is_ineffective =
            |note: &OwnerNote| note.source == NoteSource::Reference && !settings.client_reference_id;
        // A session whose claim has no effect gets no new note.
        let matters = former.is_some()
            || (own.by_merchant.subject.is_none() && !session_note.as_ref().is_some_and(is_ineffective));
        let reference = match read {
            Some(session) => session.reference.clone().or(own.by_former_note.subject.clone()),
            None => session_note
                .clone()
                .filter(|note| note.source == NoteSource::Reference)
                .map(|note| note.subject),
        };
        let reference = reference.filter(|_| settings.client_reference_id);
        // If the subscription's own metadata names a subject, a note is ignored: the merchant may have moved
        // the subscription since.
        let counts = |note: &OwnerNote| {
            note.source == NoteSource::SessionMetadata
                && (read.is_some() || own.by_merchant.subject.is_none())
        };
        let by_session = session_note.filter(counts).map(|note| note.subject);
        let trusted = [own.by_merchant.subject.clone(), by_session, customers.subject].into_iter().flatten();
        let trusted = trusted.map(|subject| NamedSubject { subject, via: Via::Metadata });
        let referred = reference.map(|subject| NamedSubject { subject, via: Via::Reference });
        let needs_session = own.by_merchant.subject.is_none() && note.is_none() && session.is_none();
        let noted = note.map(|note| note.subject).into_iter().chain(own.by_former_note.subject);
        Claims {
            effective: trusted.chain(referred).collect(),
            noted: noted.map(|subject| NamedSubject { subject, via: Via::Reference }).collect(),
            invalid_keys: own
                .by_merchant
                .invalid_keys
                .into_iter()
                .chain(customers.invalid_keys)
                .chain(invalid_note)
                .collect(),
            needs_session,
            note_change: note_change.filter(|_| matters && session.is_some()),
        }
    }

    /// Returns the owner.
    pub(crate) fn owner(&self) -> Option<&NamedSubject> {
        self.effective.first()
    }

    /// Returns all named subjects, including those in notes that are not effective: each of them may have
    /// been the owner until now.
    pub(crate) fn all_named(&self) -> impl Iterator<Item = &NamedSubject> {
        self.effective.iter().chain(&self.noted)
    }

    /// Returns the owner and another subject that the merchant's metadata names with lower precedence.
    pub(crate) fn disagreement(&self) -> Option<(&Subject, &Subject)> {
        let owner = &self.owner()?.subject;
        let mut by_metadata = self.effective.iter().filter(|named| named.via == Via::Metadata);
        by_metadata.find(|named| named.subject != *owner).map(|other| (owner, &other.subject))
    }

    /// Returns whether the sync of this subject is responsible for the note: it is the owner or, if there is
    /// none, the subject of the present note.
    pub(crate) fn note_is_managed_by(&self, subject: &Subject) -> bool {
        self.owner().or(self.noted.first()).is_some_and(|named| named.subject == *subject)
    }
}

#[cfg(test)]
mod tests;
