//! Tests of the invariants of the billing endpoints under any failure: they run in this process, without
//! Envoy, against the strict fakes of Stripe and Clerk, and the test decides how every callout ends.

mod harness;
mod interleaved;
mod lost_responses;
mod permissions;
mod races;
mod random;
