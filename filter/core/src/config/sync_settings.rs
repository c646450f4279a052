//! What bringing Clerk in line with Stripe needs to know, whichever section says it.

use super::document::webhook::{SubjectKeys, UnmappedPrice};
use crate::stripe::plan::PastDue;
use crate::upstream::Upstream;

/// What a sync needs to know. A section of the document yields it.
#[derive(Clone, Debug)]
pub struct SyncSettings {
    /// What a subscription grants whose payment failed.
    pub(crate) past_due: PastDue,
    /// What happens when an active subscription sells no known plan.
    pub(crate) unmapped_price: UnmappedPrice,
    /// The metadata keys that say whose a subscription is; no key is of both kinds.
    pub(crate) subject_keys: SubjectKeys,
    /// Whether a checkout session's `client_reference_id` may say whose it is.
    pub(crate) client_reference_id: bool,
    /// Stripe's API. Its base path does not hold `/v1`.
    pub stripe: Upstream,
    /// Clerk's Backend API. Its base path holds `/v1`.
    pub clerk: Upstream,
    /// The key of the plan in `public_metadata`.
    pub plan_key: String,
}
