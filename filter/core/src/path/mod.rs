//! Paths: the one form in which those of requests and of the configuration are compared, and what else routers may
//! read a path as.
//!
//! The gateway sees only bytes, and what they mean is decided behind it. So a request's path is first brought into its
//! canonical form ([`canonical`]), or refused if it has none. Then it is compared with what routers behind the gateway
//! could make of it ([`reading`]): by decoding again, disregarding case, dropping what is at its end.

mod canonical;
mod compatibility;
mod decoding;
mod disguise;
mod pattern;
mod reading;

pub(crate) use canonical::{RequestPath, are_equal, is_needed, is_stable};
pub(crate) use decoding::{decoded, without_query};
pub(crate) use disguise::may_be_read_as;
pub(crate) use pattern::PathPattern;
