//! Properties that hold for any bytes from outside. Each property takes bytes, panics if it does not hold for
//! them, and returns whether the bytes were accepted.
//!
//! [`TARGETS`] lists all of them: `cargo test` runs each on its seeds and on mutations of them, `fuzz/` on the inputs
//! that libFuzzer generates.

mod clerk;
mod configuration;
mod gate;
mod session;
mod stripe;

pub use clerk::{clerk_billing, clerk_event, clerk_signature};
pub use configuration::{document, jwks, pem};
pub use gate::{bucket, path, ratelimit_response};
pub use session::{clerk_record, token, token_location};
pub use stripe::{event, page, signature};

/// A property of bytes: returns true if they were accepted, false if they were rejected; panics if it does
/// not hold.
pub type Property = fn(&[u8]) -> bool;

/// All properties, by the names of their fuzz targets and seed directories.
pub const TARGETS: [(&str, Property); 15] = [
    ("bucket", bucket),
    ("clerk_billing", clerk_billing),
    ("clerk_event", clerk_event),
    ("clerk_record", clerk_record),
    ("clerk_signature", clerk_signature),
    ("document", document),
    ("event", event),
    ("jwks", jwks),
    ("page", page),
    ("path", path),
    ("pem", pem),
    ("ratelimit_response", ratelimit_response),
    ("signature", signature),
    ("token", token),
    ("token_location", token_location),
];

/// Splits bytes at the first line feed, for properties of two inputs.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// Returns the JSON object with one more member, which is legal JSON that Rust's types cannot represent: half
/// a surrogate pair, a number beyond `f64`, and nesting deeper than the parser's limit. The other members
/// must be read as before. Returns `None` if the bytes are not an object.
fn with_unrepresentable_member(bytes: &[u8]) -> Option<Vec<u8>> {
    let rest = bytes.trim_ascii_start().strip_prefix(b"{")?;
    let (open, close) = ("[".repeat(300), "]".repeat(300));
    let odd = format!(r#"{{"~odd":{{"\ud83d":["\udc00\ud83d",-1e999,{open}{close}]}},"#);
    Some([odd.as_bytes(), rest].concat())
}
