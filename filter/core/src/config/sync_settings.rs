//! The settings of a sync of Clerk's metadata with the sources of plans.

use super::document::webhook::{SubjectKeys, UnmappedPrice};
use crate::clerk::plan_source::PlanSource;
use crate::stripe::plan::PastDue;
use crate::upstream::Upstream;

/// The settings of a sync, from a section of the document.
#[derive(Clone, Debug)]
pub struct SyncSettings {
    /// Whether Stripe grants plans: the document sells by Stripe, or receives its events. If false, a sync
    /// reads nothing from Stripe.
    pub reads_stripe: bool,
    /// The rule for items of Clerk Billing with a failed payment; `None` if Clerk Billing grants no plans.
    pub(crate) clerk_billing: Option<PastDue>,
    /// A source that the document does not read and that the command gives up: what it granted ends. The
    /// filters give up none.
    pub released_source: Option<PlanSource>,
    /// The rule for Stripe subscriptions with a failed payment.
    pub(crate) past_due: PastDue,
    /// The rule for active subscriptions with no known plan.
    pub(crate) unmapped_price: UnmappedPrice,
    /// The metadata keys that name the subject of a subscription; no key is in both lists.
    pub(crate) subject_keys: SubjectKeys,
    /// Whether the `client_reference_id` of a Checkout Session may name the subject.
    pub(crate) client_reference_id: bool,
    /// Stripe's API. Its base path does not contain `/v1`.
    pub stripe: Upstream,
    /// Clerk's Backend API. Its base path contains `/v1`.
    pub clerk: Upstream,
    /// The key of the plan in `public_metadata`.
    pub plan_key: String,
    /// Whether a subject has at most one live plan subscription, because the billing endpoints sell no second
    /// one.
    pub(crate) one_subscription: bool,
}

impl SyncSettings {
    /// Gives up a source of plans: what it granted according to Clerk's records ends at the next sync.
    ///
    /// # Errors
    /// A sentence with the fix if the document reads the source, so that its plans end when they end there.
    pub fn release(&mut self, source: Option<&PlanSource>) -> Result<(), String> {
        let section = match source {
            Some(PlanSource::Stripe) if self.reads_stripe => "`stripe_webhook` and `billing`",
            Some(PlanSource::ClerkBilling) if self.clerk_billing.is_some() => {
                "`clerk_webhook.billing: mirror`"
            }
            source => {
                self.released_source = source.cloned();
                return Ok(());
            }
        };
        Err(format!("--release-source: the document reads this source; first remove {section} from it"))
    }
}
