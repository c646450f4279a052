//! What must hold of the billing endpoints whatever fails: they run in this process, without Envoy, against the strict
//! fakes of Stripe and Clerk, and every callout ends as a test decides.

mod harness;
mod interleaved;
mod lost_responses;
mod races;
mod random;
