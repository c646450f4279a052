//! Notes that store the owner, as a Checkout Session names it, in the subscription's metadata, so that the
//! session need not be read again.
//!
//! A note is a cache: it has the precedence of the session. It uses Tollgate's own keys, is written only to
//! subscriptions, and nothing is ever written under the configured keys.

use crate::config::SubjectKeys;
use crate::config::note_keys::{FORMER_MARK_KEY, OWNER_FROM_KEY, OWNER_KEY};
use crate::ids::Subject;
use crate::stripe::object::Metadata;

/// The member of a Checkout Session that names the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoteSource {
    /// The metadata, which the merchant's server writes.
    SessionMetadata,
    /// The `client_reference_id`, which the payer may have chosen.
    Reference,
}

impl NoteSource {
    /// Returns the source's name in the note.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            NoteSource::SessionMetadata => "session_metadata",
            NoteSource::Reference => "client_reference_id",
        }
    }
}

/// A note in a subscription's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnerNote {
    /// The subject that the session names.
    pub(crate) subject: Subject,
    /// The member of the session that names it.
    pub(crate) source: NoteSource,
}

impl OwnerNote {
    /// Reads the note in a subscription's metadata; `None` if there is none.
    ///
    /// # Errors
    /// The key whose value is missing or not one that Tollgate writes.
    pub(crate) fn read(metadata: &Metadata) -> Result<Option<Self>, &'static str> {
        let value = |key| metadata.get(key).filter(|value| !value.is_empty());
        let Some(subject) = value(OWNER_KEY) else { return Ok(None) };
        let subject = Subject::parse(subject).map_err(|_| OWNER_KEY)?;
        let sources = [NoteSource::SessionMetadata, NoteSource::Reference];
        let source = sources.into_iter().find(|source| Some(source.as_str()) == value(OWNER_FROM_KEY));
        Ok(Some(OwnerNote { subject, source: source.ok_or(OWNER_FROM_KEY)? }))
    }
}

/// A note of an earlier release: a mark that the subject under the configured keys was chosen by the payer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FormerNote<'a> {
    /// The subject in the session's `client_reference_id`, if the session was read. If so, only this id is
    /// part of the note, and the merchant set any other id later.
    reference: Option<&'a Subject>,
}

impl<'a> FormerNote<'a> {
    /// Reads the earlier release's note, if the metadata has the mark. `reference` is the subject in the
    /// session's `client_reference_id`, if that was read.
    pub(crate) fn read(metadata: &Metadata, reference: Option<&'a Subject>) -> Option<Self> {
        let marked = metadata.get(FORMER_MARK_KEY) == Some(NoteSource::Reference.as_str());
        marked.then_some(FormerNote { reference })
    }

    /// Returns whether this value under a configured key is part of the note, and not set by the merchant.
    pub(crate) fn contains(self, value: &str) -> bool {
        self.reference.is_none_or(|reference| reference.as_str() == value)
    }

    /// Returns the keys to remove with the note.
    fn keys<'k>(self, metadata: &Metadata, keys: &'k SubjectKeys) -> Vec<&'k str> {
        let is_noted = |key: &&String| {
            metadata.get(key).is_some_and(|value| self.contains(value) && Subject::parse(value).is_ok())
        };
        let noted = keys.organization.iter().chain(&keys.user).filter(is_noted);
        noted.map(String::as_str).chain([FORMER_MARK_KEY]).collect()
    }
}

/// A change of the note on a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoteChange {
    /// The new note; `None` removes a note because the session names no subject.
    pub(crate) note: Option<OwnerNote>,
    /// The keys of an earlier release's note to remove.
    removed: Vec<String>,
}

impl NoteChange {
    /// Returns the change from the present note and an earlier release's note to `wanted`; `None` if nothing
    /// changes.
    pub(crate) fn new(
        metadata: &Metadata,
        keys: &SubjectKeys,
        present: Option<&OwnerNote>,
        former: Option<FormerNote<'_>>,
        wanted: Option<OwnerNote>,
    ) -> Option<Self> {
        let removed = former.map(|former| former.keys(metadata, keys)).unwrap_or_default();
        let differs = present != wanted.as_ref();
        (differs || !removed.is_empty())
            .then(|| NoteChange { note: wanted, removed: removed.into_iter().map(str::to_owned).collect() })
    }

    /// Returns the metadata to set. Stripe removes a key whose value is empty.
    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        let noted = match &self.note {
            Some(note) => [(OWNER_KEY, note.subject.as_str()), (OWNER_FROM_KEY, note.source.as_str())],
            None => [(OWNER_KEY, ""), (OWNER_FROM_KEY, "")],
        };
        noted.into_iter().chain(self.removed.iter().map(|key| (key.as_str(), ""))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_or_unknown_note_is_an_error() {
        let user = ("tollgate_owner", "user_1");
        let from = |value| ("tollgate_owner_from", value);
        let session =
            OwnerNote { subject: Subject::parse("user_1").unwrap(), source: NoteSource::SessionMetadata };
        let reference = OwnerNote { source: NoteSource::Reference, ..session.clone() };
        let cases = [
            ("the session's metadata", vec![user, from("session_metadata")], Ok(Some(session))),
            ("a reference", vec![user, from("client_reference_id")], Ok(Some(reference))),
            ("nothing", vec![], Ok(None)),
            ("no subject", vec![from("session_metadata")], Ok(None)),
            ("an empty subject", vec![("tollgate_owner", ""), from("session_metadata")], Ok(None)),
            ("no source", vec![user], Err(OWNER_FROM_KEY)),
            ("another source", vec![user, from("subscription_metadata")], Err(OWNER_FROM_KEY)),
            ("another case", vec![user, from("Session_Metadata")], Err(OWNER_FROM_KEY)),
            ("no id", vec![("tollgate_owner", "user_1/x"), from("session_metadata")], Err(OWNER_KEY)),
        ];
        for (why, pairs, want) in cases {
            assert_eq!(OwnerNote::read(&pairs.into_iter().collect()), want, "{why}");
        }
    }
}
