//! Why a text holds no key that session tokens can be verified with, and what to do about it.

/// How many keys a set holds. Clerk publishes one or two.
pub const KEYS_MAX: usize = 16;

/// The smallest modulus that counts as safe (RFC 7518 §3.3).
pub(super) const MODULUS_BITS_MIN: usize = 2048;

/// Why something is no key that tokens can be checked with. Shows nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing is there.
    #[error("no key: copy the JWKS Public Key (PEM) from the API keys page of the Clerk Dashboard")]
    Empty,
    /// A private key.
    #[error(
        "this is a private key, which must not be here: copy the public key (PEM) instead, and replace this one"
    )]
    PrivateKey,
    /// An X.509 certificate.
    #[error("this is a certificate: extract its public key with `openssl x509 -pubkey -noout`")]
    Certificate,
    /// A secret or publishable key of Clerk's.
    #[error("this is an API key of Clerk's: copy the JWKS Public Key (PEM) from the API keys page instead")]
    ApiKey,
    /// A JSON Web Key Set.
    #[error("this is JSON: give the public key as PEM, or configure `keys.jwks` to fetch the key set")]
    Json,
    /// Neither PEM nor base64.
    #[error("this is not PEM: expected `-----BEGIN PUBLIC KEY-----`, base64 and `-----END PUBLIC KEY-----`")]
    NotPem,
    /// A key, but not RSA's.
    #[error("this is not an RSA key: Clerk signs session tokens with RS256")]
    OtherAlgorithm,
    /// Too short to be safe.
    #[error("an RSA key of {bits} bits is too weak: at least {MODULUS_BITS_MIN} are needed")]
    Weak {
        /// How long it is.
        bits: usize,
    },
    /// Well-formed base64 or JSON, but no key in it.
    #[error("this is not a public key: is it cut off, or are lines missing? Copy it again as a whole")]
    NotAKey,
    /// More keys than [`KEYS_MAX`], or a text longer than any such number of keys.
    #[error("these are too many keys: at most {KEYS_MAX} are taken")]
    TooMany,
}
