//! Determines the owner of a subscription, and whether its schedule is Tollgate's.

mod claims;
mod note;
mod schedule;

pub(crate) use claims::{Claims, NamedSubject, SessionClaims, Via, named_before, named_in, named_in_event};
pub(in crate::sync) use note::NoteChange;
pub(crate) use note::OwnerNote;
pub(crate) use schedule::is_created_by_tollgate;
