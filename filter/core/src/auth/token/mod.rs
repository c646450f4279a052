//! Session tokens: their location in a request, their form, their claims, and the rules that they must
//! follow.

pub mod cookies;
mod error;
mod failure;
mod jws;
pub mod location;
mod rules;
mod session;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use error::{TokenCode, TokenError};
pub(crate) use failure::TokenFailure;
pub use jws::{Jws, TOKEN_BYTES_MAX};
pub use rules::TokenRules;
pub use session::{ClaimNames, Session};
