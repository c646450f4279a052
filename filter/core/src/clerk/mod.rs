//! What Clerk issues and answers: session tokens, keys, metadata.
//!
//! The way of a token: [`carrier::find`] says where it is, [`jws::Jws::parse`] takes it apart, a [`keys::KeySet`] says
//! which keys may have signed it, the host checks the signature, [`claims::Session::from_jws`] reads the claims, and
//! [`verify::Rules::check`] judges them, on every use anew. [`plan_claim::read`] finds the plan in them.

pub mod api;
pub mod carrier;
pub mod claims;
pub mod cookies;
mod der;
pub mod jwks;
pub mod jws;
pub mod key_error;
pub mod keys;
pub mod metadata;
mod numeric_date;
pub mod pem;
pub mod plan_claim;
pub mod roster;
pub(crate) mod rs256;
pub mod token_error;
pub mod verify;

#[cfg(test)]
pub(crate) mod token_tests;

pub use token_error::TokenError;
