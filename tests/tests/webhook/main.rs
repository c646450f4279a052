//! The webhook on a real Envoy with two workers, started from the shipped configuration, between fakes of
//! Stripe and Clerk that keep state and check requests.

mod changes;
mod faults;
mod forward;
mod hostile;
mod refusals;
mod replicas;
mod secrets;
mod shared;
mod step;
mod storm;
mod subjects;
mod tls;
