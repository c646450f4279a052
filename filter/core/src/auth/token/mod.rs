//! A session token: where a request carries it, its form, its claims, and the rules that it must keep to.

pub mod cookies;
mod error;
mod jws;
pub mod location;
mod rules;
mod session;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use error::{TokenCode, TokenError};
pub use jws::{Jws, TOKEN_BYTES_MAX};
pub use rules::TokenRules;
pub use session::{ClaimNames, Session};
