//! The keys of Stripe's metadata that Tollgate writes itself. They cannot be the seller's: what stands there may go back
//! to a payer's own choice.

/// The key under which the subject is noted.
pub(crate) const OWNER_KEY: &str = "tollgate_owner";

/// The key under which it is noted where in the session it was named.
pub(crate) const OWNER_FROM_KEY: &str = "tollgate_owner_from";

/// The key by which the release before marked an id under the configured keys that came from a
/// `client_reference_id`. It is read, and replaced by a note.
pub(crate) const FORMER_MARK_KEY: &str = "tollgate_named_by";

/// All of them.
pub(crate) const ALL: [&str; 3] = [OWNER_KEY, OWNER_FROM_KEY, FORMER_MARK_KEY];
