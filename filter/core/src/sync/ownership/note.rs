//! What is noted on a subscription of what its Checkout Session says, so that the session need not be read
//! again.
//!
//! A note only caches: it counts as much as the session's own words do. It stands under keys of our own, on
//! the subscription alone, and nothing is ever written under the keys that the configuration names.

use crate::config::SubjectKeys;
use crate::config::note_keys::{FORMER_MARK_KEY, OWNER_FROM_KEY, OWNER_KEY};
use crate::ids::Subject;
use crate::stripe::object::Metadata;

/// Where in a Checkout Session somebody is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoteSource {
    /// In its metadata, which the seller's server writes.
    SessionMetadata,
    /// In its `client_reference_id`, which the payer may have chosen.
    Reference,
}

impl NoteSource {
    /// As it is noted.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            NoteSource::SessionMetadata => "session_metadata",
            NoteSource::Reference => "client_reference_id",
        }
    }
}

/// A note on a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnerNote {
    /// Whom the session names.
    pub(crate) subject: Subject,
    /// Where.
    pub(crate) source: NoteSource,
}

impl OwnerNote {
    /// Reads the note in a subscription's metadata. Half a note, or one with words that Tollgate does not
    /// write, is none.
    ///
    /// # Errors
    /// The key of ours whose value cannot be read.
    pub(crate) fn read(metadata: &Metadata) -> Result<Option<Self>, &'static str> {
        let value = |key| metadata.get(key).filter(|value| !value.is_empty());
        let Some(subject) = value(OWNER_KEY) else { return Ok(None) };
        let subject = Subject::parse(subject).map_err(|_| OWNER_KEY)?;
        let sources = [NoteSource::SessionMetadata, NoteSource::Reference];
        let source = sources.into_iter().find(|source| Some(source.as_str()) == value(OWNER_FROM_KEY));
        Ok(Some(OwnerNote { subject, source: source.ok_or(OWNER_FROM_KEY)? }))
    }
}

/// What the release before noted: the mark says that a payer's own choice stands under the configured keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FormerNote<'a> {
    /// What the session says now, if it was read and has a `client_reference_id` of ours: then only that is
    /// the note, and another id beside the mark was set by the seller later.
    reference: Option<&'a Subject>,
}

impl<'a> FormerNote<'a> {
    /// Reads the former note in a subscription's metadata, if they carry the mark. `reference` is what the
    /// session's `client_reference_id` names, if that was read.
    pub(crate) fn read(metadata: &Metadata, reference: Option<&'a Subject>) -> Option<Self> {
        let marked = metadata.get(FORMER_MARK_KEY) == Some(NoteSource::Reference.as_str());
        marked.then_some(FormerNote { reference })
    }

    /// Returns whether this value under a configured key belongs to the note, and not to the seller.
    pub(crate) fn has(self, value: &str) -> bool {
        self.reference.is_none_or(|reference| reference.as_str() == value)
    }

    /// Returns the keys that are to go with it.
    fn keys<'k>(self, metadata: &Metadata, keys: &'k SubjectKeys) -> Vec<&'k str> {
        let is_noted = |key: &&String| {
            metadata.get(key).is_some_and(|value| self.has(value) && Subject::parse(value).is_ok())
        };
        let noted = keys.organization.iter().chain(&keys.user).filter(is_noted);
        noted.map(String::as_str).chain([FORMER_MARK_KEY]).collect()
    }
}

/// A change of what is noted on a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoteChange {
    /// What is noted then; `None` if what is noted is not what the session says, and that is nothing.
    pub(crate) note: Option<OwnerNote>,
    /// Keys that are removed.
    removed: Vec<String>,
}

impl NoteChange {
    /// Returns the change to `wanted`, from a note and what the release before noted; `None` if there is
    /// nothing to change.
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
    fn half_a_note_or_one_in_other_words_is_none() {
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
            ("an emptied subject", vec![("tollgate_owner", ""), from("session_metadata")], Ok(None)),
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
