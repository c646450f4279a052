//! The keys of Stripe's metadata that Tollgate itself writes. The configuration cannot use them as subject
//! keys, because their values may come from a payer.

/// The key of the recorded subject.
pub(crate) const OWNER_KEY: &str = "tollgate_owner";

/// The key of the field of the Checkout Session that named the subject.
pub(crate) const OWNER_FROM_KEY: &str = "tollgate_owner_from";

/// The key that the previous release used to mark an id, under a configured key, that came from a
/// `client_reference_id`. It is read, and replaced by a note.
pub(crate) const FORMER_MARK_KEY: &str = "tollgate_named_by";

/// The metadata key of a subscription under which a change is noted before its schedule is created. Without
/// the note, a schedule whose second request failed could not be distinguished from one that Tollgate did not
/// create.
pub(crate) const CHANGE_KEY: &str = "tollgate_change";

/// The key of a Checkout Session by which Tollgate knows its own sessions: a hash of all parameters.
pub(crate) const PARAMETERS_KEY: &str = "tollgate_parameters";

/// All of them.
pub(crate) const ALL: [&str; 5] = [OWNER_KEY, OWNER_FROM_KEY, FORMER_MARK_KEY, CHANGE_KEY, PARAMETERS_KEY];
