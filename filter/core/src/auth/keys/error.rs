//! The errors in a text that should contain a public key. Their messages say how to fix them.

/// The maximum number of keys in a set. Clerk publishes one or two.
pub const KEYS_MAX: usize = 16;

/// The smallest modulus that is safe (RFC 7518 §3.3).
pub(super) const MODULUS_BITS_MIN: usize = 2048;

/// An error in a text that contains no usable public key. It never shows any part of the text, which could be
/// a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is empty.
    #[error("no key: copy the JWKS Public Key (PEM) from the API keys page of the Clerk Dashboard")]
    Empty,
    /// A private key.
    #[error(
        "this is a private key, which must stay secret: copy the public key (PEM) instead, and replace the leaked key"
    )]
    PrivateKey,
    /// An X.509 certificate.
    #[error("this is a certificate: extract its public key with `openssl x509 -pubkey -noout`")]
    Certificate,
    /// A Clerk API key, secret or publishable.
    #[error("this is a Clerk API key: copy the JWKS Public Key (PEM) from the API keys page instead")]
    ApiKey,
    /// A JSON Web Key Set.
    #[error("this is JSON: use the public key as PEM, or configure `keys.jwks` to fetch the key set")]
    Json,
    /// The name of a file.
    #[error(
        "this is the name of a file: set the file's content instead, as in `export CLERK_JWT_KEY=\"$(cat clerk-public-key.pem)\"`"
    )]
    FileName,
    /// Neither PEM nor base64.
    #[error("this is not PEM: expected `-----BEGIN PUBLIC KEY-----`, base64 and `-----END PUBLIC KEY-----`")]
    NotPem,
    /// A key for an algorithm other than RSA.
    #[error("this is not an RSA key: Clerk signs session tokens with RS256")]
    OtherAlgorithm,
    /// A key that is too short to be safe.
    #[error("an RSA key of {bits} bits is too weak: at least {MODULUS_BITS_MIN} are needed")]
    Weak {
        /// The length of its modulus.
        bits: usize,
    },
    /// Well-formed base64 or JSON without a key.
    #[error("this is not a public key: it may be incomplete, so copy all of it again")]
    NotAKey,
    /// More than [`KEYS_MAX`] keys, or a text that is longer than this many keys.
    #[error("these are too many keys: at most {KEYS_MAX} are accepted")]
    TooMany,
}
