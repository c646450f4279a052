//! Clerk's webhooks on a real Envoy with two workers, started from the shipped configuration, between fakes
//! of Stripe and Clerk.

mod deletions;
mod deliveries;
mod forward;
mod refusals;
mod shared;
