//! Whose a subscription is: the user or the organization that metadata or a Checkout Session name.
//!
//! The first word counts of: the subscription's own metadata, the metadata of its Checkout Session, its
//! customer's metadata, the session's `client_reference_id`. Metadata are believed because the seller's
//! server wrote them, and only under the keys that the configuration names; an organization goes before a
//! user, as it is the more particular of the two. `client_reference_id` is believed less, for on a payment
//! link the payer chooses it: it can give a plan, never take one. A [`OwnerNote`] stands in for a session
//! that was not read.

use super::note::{FormerNote, NoteChange, NoteSource, OwnerNote};
use crate::config::note_keys::{FORMER_MARK_KEY, OWNER_KEY};
use crate::config::{SubjectKeys, SyncSettings};
use crate::ids::{OrganizationId, Subject, UserId};
use crate::stripe::checkout_session::CheckoutSession;
use crate::stripe::object::Metadata;
use crate::stripe::subscription::Subscription;

/// Somebody who was named, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedSubject {
    pub(crate) subject: Subject,
    pub(crate) via: Via,
}

/// How somebody was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Via {
    /// In metadata, which only the user's own server writes.
    Metadata,
    /// In `client_reference_id`, which the payer may have chosen.
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

/// What was found in metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Whom they name.
    pub(crate) subject: Option<Subject>,
    /// Keys of ours whose value is no id of the kind that belongs there.
    pub(crate) invalid_keys: Vec<String>,
}

/// Returns whom metadata name.
pub(crate) fn named_in(metadata: &Metadata, keys: &SubjectKeys) -> Finding {
    named_by(metadata, keys, |_| true)
}

/// Returns whom those values of metadata name that count.
fn named_by(metadata: &Metadata, keys: &SubjectKeys, counts: impl Fn(&str) -> bool) -> Finding {
    let mut finding = Finding::default();
    let organization = |value: &str| OrganizationId::parse(value).ok().map(Subject::Organization);
    let user = |value: &str| UserId::parse(value).ok().map(Subject::User);
    for key in &keys.organization {
        finding.look_at(key, metadata.get(key).filter(|value| counts(value)), organization);
    }
    for key in &keys.user {
        finding.look_at(key, metadata.get(key).filter(|value| counts(value)), user);
    }
    finding
}

impl Finding {
    fn look_at(&mut self, key: &str, value: Option<&str>, parse: impl Fn(&str) -> Option<Subject>) {
        match value.filter(|value| !value.is_empty()).map(parse) {
            None => {}
            Some(Some(subject)) => {
                self.subject.get_or_insert(subject);
            }
            Some(None) => self.invalid_keys.push(key.to_owned()),
        }
    }
}

/// What the seller's own keys in a subscription's metadata name, and what the release before put there.
#[derive(Clone, Debug)]
struct OwnClaims {
    sellers: Finding,
    formers: Finding,
}

impl OwnClaims {
    fn new(metadata: &Metadata, keys: &SubjectKeys, former: Option<FormerNote<'_>>) -> Self {
        let is_former = |value: &str| former.is_some_and(|former| former.has(value));
        OwnClaims {
            sellers: named_by(metadata, keys, |value| !is_former(value)),
            formers: named_by(metadata, keys, is_former),
        }
    }
}

/// Returns whom a subscription's metadata name as an event shows them. What is noted there only says where to
/// look.
pub(crate) fn named_in_event(metadata: &Metadata, keys: &SubjectKeys) -> (Vec<NamedSubject>, Vec<String>) {
    let own = OwnClaims::new(metadata, keys, FormerNote::read(metadata, None));
    let note = OwnerNote::read(metadata).ok().flatten();
    let named = |subject: Option<Subject>, via| subject.map(|subject| NamedSubject { subject, via });
    let names = [named(own.sellers.subject, Via::Metadata), named(own.formers.subject, Via::Reference)];
    let noted = note.map(|note| NamedSubject { subject: note.subject, via: Via::Reference });
    (names.into_iter().flatten().chain(noted).collect(), own.sellers.invalid_keys)
}

/// Returns whom the values named that a subscription's metadata had before an event, where they are others
/// `now`.
pub(crate) fn named_before(
    previous: &Metadata,
    now: &Metadata,
    keys: &SubjectKeys,
) -> (Vec<NamedSubject>, Vec<String>) {
    // The mark of what a payer chose stands beside it still, or went with it.
    let is_marked = [previous, now].iter().any(|metadata| metadata.get(FORMER_MARK_KEY).is_some());
    let via = if is_marked { Via::Reference } else { Via::Metadata };
    let finding = named_in(previous, keys);
    let named = finding.subject.map(|subject| NamedSubject { subject, via });
    let noted = previous.get(OWNER_KEY).and_then(|subject| Subject::parse(subject).ok());
    let noted = noted.map(|subject| NamedSubject { subject, via: Via::Reference });
    (named.into_iter().chain(noted).collect(), finding.invalid_keys)
}

/// What the Checkout Sessions of a subscription say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionClaims {
    /// There is a session.
    any: bool,
    /// Whom its metadata name.
    metadata: Option<Subject>,
    /// Whom its `client_reference_id` names.
    pub(crate) reference: Option<Subject>,
}

impl SessionClaims {
    /// Creates the claims of these sessions, the oldest first.
    pub(crate) fn new(sessions: &[CheckoutSession], keys: &SubjectKeys) -> Self {
        let references = sessions.iter().filter_map(|session| session.client_reference_id.as_deref());
        SessionClaims {
            any: !sessions.is_empty(),
            metadata: sessions.iter().find_map(|session| named_in(&session.metadata, keys).subject),
            reference: references.filter_map(|id| Subject::parse(id).ok()).next(),
        }
    }

    /// Returns whether their metadata name somebody.
    pub(crate) fn has_metadata(&self) -> bool {
        self.metadata.is_some()
    }

    /// Returns whether they name nobody.
    pub(crate) fn is_silent(&self) -> bool {
        self.metadata.is_none() && self.reference.is_none()
    }

    /// Returns whom they name, where nothing else does.
    pub(crate) fn owner(&self, settings: &SyncSettings) -> Option<NamedSubject> {
        let named = self.note().map(|note| NamedSubject { via: note.source.into(), subject: note.subject });
        named.filter(|named| named.via == Via::Metadata || settings.client_reference_id)
    }

    /// Returns the note that caches it.
    fn note(&self) -> Option<OwnerNote> {
        let note = |subject: &Subject, source| OwnerNote { subject: subject.clone(), source };
        let by_metadata = self.metadata.as_ref().map(|subject| note(subject, NoteSource::SessionMetadata));
        by_metadata.or_else(|| self.reference.as_ref().map(|subject| note(subject, NoteSource::Reference)))
    }
}

/// Everything that says whose one subscription is.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    /// Everyone who is named by a word that counts; what counts most goes first.
    counting: Vec<NamedSubject>,
    /// Who is named by a note, also where it does not count.
    noted: Vec<NamedSubject>,
    /// Keys of ours that hold no id of the kind that belongs there.
    pub(crate) invalid_keys: Vec<String>,
    /// Neither its own metadata nor a note say anything, and its session was not read.
    pub(crate) needs_session: bool,
    /// What should be noted on it, where that differs from what is.
    pub(crate) note_change: Option<NoteChange>,
}

impl Claims {
    /// Creates the claims on a subscription; `session` if its Checkout Sessions were read.
    pub(crate) fn new(
        subscription: &Subscription,
        session: Option<&SessionClaims>,
        settings: &SyncSettings,
    ) -> Self {
        let (metadata, keys) = (&subscription.metadata, &settings.subject_keys);
        let former = FormerNote::read(metadata, session.and_then(|session| session.reference.as_ref()));
        let own = OwnClaims::new(metadata, keys, former);
        let (note, unfit_note) = match OwnerNote::read(metadata) {
            Ok(note) => (note, None),
            Err(key) => (None, Some(key.to_owned())),
        };
        let customer = subscription.customer_object.as_ref();
        let customers = customer.map(|customer| named_in(&customer.metadata, keys)).unwrap_or_default();
        // Where there is a session, what it says is what counts, and a note that says something else is none.
        let read = session.filter(|session| session.any);
        let former_note =
            own.formers.subject.clone().map(|subject| OwnerNote { subject, source: NoteSource::Reference });
        let said = match read {
            Some(session) => session.note().or(former_note),
            None => note.clone().or(former_note),
        };
        let note_change = NoteChange::new(metadata, keys, note.as_ref(), former, said.clone());
        let is_idle =
            |note: &OwnerNote| note.source == NoteSource::Reference && !settings.client_reference_id;
        // Of a session that has no say nothing new is noted.
        let matters =
            former.is_some() || (own.sellers.subject.is_none() && !said.as_ref().is_some_and(is_idle));
        let reference = match read {
            Some(session) => session.reference.clone().or(own.formers.subject.clone()),
            None => said.clone().filter(|said| said.source == NoteSource::Reference).map(|said| said.subject),
        };
        let reference = reference.filter(|_| settings.client_reference_id);
        // Beside metadata of its own a note says nothing: the seller may have moved the subscription since.
        let counts = |said: &OwnerNote| {
            said.source == NoteSource::SessionMetadata && (read.is_some() || own.sellers.subject.is_none())
        };
        let by_session = said.filter(counts).map(|said| said.subject);
        let trusted = [own.sellers.subject.clone(), by_session, customers.subject].into_iter().flatten();
        let trusted = trusted.map(|subject| NamedSubject { subject, via: Via::Metadata });
        let referred = reference.map(|subject| NamedSubject { subject, via: Via::Reference });
        let needs_session = own.sellers.subject.is_none() && note.is_none() && session.is_none();
        let noted = note.map(|note| note.subject).into_iter().chain(own.formers.subject);
        Claims {
            counting: trusted.chain(referred).collect(),
            noted: noted.map(|subject| NamedSubject { subject, via: Via::Reference }).collect(),
            invalid_keys: own
                .sellers
                .invalid_keys
                .into_iter()
                .chain(customers.invalid_keys)
                .chain(unfit_note)
                .collect(),
            needs_session,
            note_change: note_change.filter(|_| matters && session.is_some()),
        }
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> Option<&NamedSubject> {
        self.counting.first()
    }

    /// Returns whom anything names, also a note that does not count: any of them may have been the owner
    /// until now.
    pub(crate) fn everyone(&self) -> impl Iterator<Item = &NamedSubject> {
        self.counting.iter().chain(&self.noted)
    }

    /// Returns the owner and somebody else whom the seller names as well, with less weight.
    pub(crate) fn disagreement(&self) -> Option<(&Subject, &Subject)> {
        let owner = &self.owner()?.subject;
        let mut sellers = self.counting.iter().filter(|named| named.via == Via::Metadata);
        sellers.find(|named| named.subject != *owner).map(|other| (owner, &other.subject))
    }

    /// Returns whether it is for the sync of this subject to change the note: the owner's, or that of whom a
    /// wrong note names.
    pub(crate) fn is_noted_by(&self, subject: &Subject) -> bool {
        self.owner().or(self.noted.first()).is_some_and(|named| named.subject == *subject)
    }
}

#[cfg(test)]
mod tests;
