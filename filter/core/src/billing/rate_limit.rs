//! How many requests a subject may make: 60 valid POSTs a minute, counted for the whole process.

use super::context::BillingContext;
use super::error::BillingError;
use crate::plan_table::{Period, Window};
use crate::quota::{BucketTable, Callers, Decision, SWAP_TRIES_MAX, Seed, spend};

/// The maximum number of valid POSTs of a subject in a minute.
const WINDOW: [Window; 1] = [Window { max: 60, per: Period::Minute }];

/// The name under which they are counted. No configured limit has a dot in its name.
const LIMIT: &str = "billing.posts";

/// What the counters may weigh, in megabytes.
const MEMORY_MB: u64 = 2;

/// The key of the table. Nobody chooses the id of a user or an organization, so it need not be secret.
const SEED: Seed = Seed::new([0; 16]);

/// Counts a request.
///
/// # Errors
/// [`BillingError::TooManyRequests`] if the subject has made too many.
pub(super) async fn count(cx: &BillingContext) -> Result<(), BillingError> {
    let table = BucketTable::new(&cx.shared.namespace, Callers::SignedIn, &SEED, MEMORY_MB);
    let counter = table.key(cx.subject.as_str().as_bytes(), LIMIT);
    for _ in 0..SWAP_TRIES_MAX {
        let (value, version) = cx.load(&counter.shared_key).await;
        let now = cx.now();
        let spent = spend(value.as_deref(), counter.fingerprint, &WINDOW, 1, now);
        if let Decision::Refused { reset, .. } = spent.decision {
            let left = reset.since(now);
            let retry_after_s = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
            return Err(BillingError::TooManyRequests { retry_after_s });
        }
        let Some(bytes) = spent.new_bytes else { return Ok(()) };
        if cx.swap(&counter.shared_key, bytes, version).await {
            return Ok(());
        }
    }
    // Other requests of the process were faster each time, which takes dozens of workers.
    Err(BillingError::Overloaded)
}
