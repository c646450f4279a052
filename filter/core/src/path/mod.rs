//! Paths: the one form in which those of requests and of the configuration are compared, and what else routers may
//! read a path as.
//!
//! The gateway sees only bytes, and what they mean is decided behind it. So a request's path is first brought into its
//! canonical form ([`canonical`]), or refused if it has none. Then it is compared with what routers behind the gateway
//! could make of it ([`reading`]): by decoding again, disregarding case, dropping what is at its end.

mod canonical;
mod compatibility;
mod pattern;
mod reading;

pub(crate) use canonical::{RequestPath, are_equal, decoded, is_needed, is_stable, without_query};
pub use pattern::PathPattern;
pub(crate) use reading::may_be_read_as;
