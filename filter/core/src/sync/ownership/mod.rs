//! Determines the owner of a subscription.

mod claims;
mod note;

pub(crate) use claims::{Claims, NamedSubject, SessionClaims, Via, named_before, named_in, named_in_event};
pub(in crate::sync) use note::NoteChange;
pub(crate) use note::OwnerNote;
