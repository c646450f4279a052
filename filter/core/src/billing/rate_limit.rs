//! Limits the requests of a subject: 60 valid POSTs a minute, and 60 reads that are not cached. The whole
//! process counts them together.

use super::context::BillingContext;
use super::error::BillingError;
use crate::plan_table::{Period, Window};
use crate::quota::{BucketTable, Callers, Decision, SWAP_TRIES_MAX, Seed, spend};

/// The maximum number of requests of a kind and a subject in a minute.
const WINDOW: [Window; 1] = [Window { max: 60, per: Period::Minute }];

/// The requests that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CountedKind {
    /// Valid POSTs.
    Posts,
    /// Reads that are not cached.
    Reads,
}

impl CountedKind {
    /// Returns the name of the counter. No configured limit has a dot in its name.
    const fn name(self) -> &'static str {
        match self {
            CountedKind::Posts => "billing.posts",
            CountedKind::Reads => "billing.reads",
        }
    }
}

/// The maximum memory of the counters, in megabytes.
const MEMORY_MB: u64 = 2;

/// The key of the table. It need not be secret, because clients cannot choose the ids of users and
/// organizations.
const SEED: Seed = Seed::new([0; 16]);

/// Counts a request.
///
/// # Errors
/// [`BillingError::TooManyRequests`] if the subject has made too many.
pub(super) async fn count(cx: &BillingContext, kind: CountedKind) -> Result<(), BillingError> {
    let table = BucketTable::new(&cx.shared.namespace, Callers::SignedIn, &SEED, MEMORY_MB);
    let counter = table.key(cx.subject.as_str().as_bytes(), kind.name());
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
    // Other requests of the process won every swap, which takes dozens of workers.
    Err(BillingError::Overloaded)
}
