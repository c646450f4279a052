//! Public keys that sign session tokens: from PEM text, or from a JSON Web Key Set.

mod der;
mod error;
pub mod jwks;
mod key_set;
pub mod pem;
pub(crate) mod rs256;

pub use error::{KEYS_MAX, KeyError};
pub use key_set::{KeySet, PublicKey};
