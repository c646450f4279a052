//! Who calls: session tokens, the keys that sign them, and what was verified before. Any filter can have an [`AuthState`]
//! of its own.
//!
//! The way of a token: [`token::location::find`] says where it is, [`token::Jws::parse`] takes it apart, a
//! [`keys::KeySet`] says which keys may have signed it, the host checks the signature, [`token::Session::from_jws`]
//! reads the claims, and [`token::TokenRules::check`] judges them, on every use anew. [`Authentication`] is that way for
//! one request.

mod authentication;
mod error;
mod keyring;
pub mod keys;
mod state;
pub mod token;
mod token_cache;

pub(crate) use authentication::{AuthFailure, AuthProgress, Authentication, VerifiedToken};
pub(crate) use error::AuthError;
pub use state::KeySource;
pub(crate) use state::{AuthState, KeyFetchResult};
