//! What must hold for any bytes from outside. Each property takes bytes, panics if it does not hold for them, and says
//! whether what it is about was taken or refused.
//!
//! [`TARGETS`] names them all: `cargo test` runs each over its seeds and mutations of them, `fuzz/` over whatever
//! libFuzzer finds.

mod configuration;
mod gate;
mod session;
mod stripe;

pub use configuration::{document, jwks, pem};
pub use gate::{bucket, path, ratelimit_answer};
pub use session::{carrier, clerk_record, token};
pub use stripe::{event, page, signature};

/// A property of bytes: true if they were taken, false if they were refused, a panic if it does not hold.
pub type Property = fn(&[u8]) -> bool;

/// All properties, by the names of the fuzz targets and of the directories of their seeds.
pub const TARGETS: [(&str, Property); 12] = [
    ("bucket", bucket),
    ("carrier", carrier),
    ("clerk_record", clerk_record),
    ("document", document),
    ("event", event),
    ("jwks", jwks),
    ("page", page),
    ("path", path),
    ("pem", pem),
    ("ratelimit_answer", ratelimit_answer),
    ("signature", signature),
    ("token", token),
];

/// The part before the first line feed and the part behind it: two inputs in one.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// The same object beside a member of legal JSON that cannot be held: half a surrogate pair, a number beyond `f64`, and
/// nesting deeper than is read. It must spoil nothing. `None` if the bytes are no object.
fn beside_what_cannot_be_held(bytes: &[u8]) -> Option<Vec<u8>> {
    let rest = bytes.trim_ascii_start().strip_prefix(b"{")?;
    let (open, close) = ("[".repeat(300), "]".repeat(300));
    let odd = format!(r#"{{"~odd":{{"\ud83d":["\udc00\ud83d",-1e999,{open}{close}]}},"#);
    Some([odd.as_bytes(), rest].concat())
}
