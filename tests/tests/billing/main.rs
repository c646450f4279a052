//! The billing endpoints on a real Envoy with two workers, started from the shipped configuration.

mod changes;
mod checkout;
mod clerk_billing;
mod refusals;
mod secrets;
mod shared;
mod whole_loop;
