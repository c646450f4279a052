//! Paths: the canonical form in which request paths and configured paths are compared, and other readings by
//! routers.
//!
//! The gateway sees only bytes, and upstreams decide their meaning. Therefore a request's path is first
//! converted to its canonical form ([`canonical`]), or refused if it has none. Then the readings of routers
//! behind the gateway are compared too ([`reading`]): with further decoding, without regard to case, and
//! without the end of the path.

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
