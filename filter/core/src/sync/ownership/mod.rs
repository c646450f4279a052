//! Whose a subscription is.

mod claims;
mod note;

pub(crate) use claims::{Claims, NamedSubject, SessionClaims, Via};
pub(in crate::sync) use claims::{named_before, named_in, named_in_event};
pub(in crate::sync) use note::{Note, NoteChange};
