//! Authentication of callers: session tokens, the keys that sign them, and a cache of verified tokens. Each
//! filter can have its own [`AuthState`].
//!
//! The path of a token: [`token::location::find`] finds it in the request, [`token::Jws::parse`] splits it, a
//! [`keys::KeySet`] returns the keys that may have signed it, the host verifies the signature,
//! [`token::Session::from_jws`] reads the claims, and [`token::TokenRules::check`] checks them on every use.
//! [`Authentication`] takes one request along this path.

mod authentication;
mod error;
mod keyring;
pub mod keys;
mod refusal_log;
mod state;
pub mod token;
mod token_cache;

pub(crate) use authentication::{AuthProgress, Authentication, VerifiedToken};
pub(crate) use error::AuthError;
pub(crate) use keyring::key_set_callout;
pub use state::KeySource;
pub(crate) use state::{AuthState, KeyFetchResult};
