//! Properties of Clerk's events, of their signatures, and of billing subscriptions.

use crate::{split_line, with_unrepresentable_member};
use std::time::Duration;
use tollgate_core::clerk::billing::ClerkSubscription;
use tollgate_core::clerk::event::ClerkEvent;
use tollgate_core::clerk::signature::verify;
use tollgate_core::clerk::signing_key::SigningKey;
use tollgate_core::http::HeaderMap;
use tollgate_core::time::Micros;

/// The time at which the seeds were signed, in Unix seconds.
const SIGNED_AT_S: u64 = 1_800_000_000;
/// The secret with which the seeds were signed, and another.
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Checks the values of `svix-id`, `svix-timestamp`, and `svix-signature`, each on a line, and a body: a
/// valid signature is valid for this secret, id, and body only, and within the tolerance only.
pub fn clerk_signature(bytes: &[u8]) -> bool {
    let (id, rest) = split_line(bytes);
    let (timestamp, rest) = split_line(rest);
    let (signatures, body) = split_line(rest);
    let check = |id: &[u8], body: &[u8], secret: &str, now_s| {
        let fields = [(&b"svix-id"[..], id), (b"svix-timestamp", timestamp), (b"svix-signature", signatures)];
        let keys = [SigningKey::parse(secret).expect("a secret")];
        let now = Micros::from_secs(now_s);
        verify(&HeaderMap::from_fields(fields), body, &keys, now, Duration::from_secs(300))
    };
    let Ok((event, signed_at)) = check(id, body, SECRET, SIGNED_AT_S) else { return false };
    assert!(signed_at.as_secs().abs_diff(SIGNED_AT_S) <= 300);
    assert!(event.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
    assert!(check(id, body, OTHER_SECRET, SIGNED_AT_S).is_err(), "signed with another secret");
    assert!(check(b"msg_other", body, SECRET, SIGNED_AT_S).is_err(), "another id");
    assert!(check(id, &[body, b" "].concat(), SECRET, SIGNED_AT_S).is_err(), "another body");
    assert!(check(id, body, SECRET, signed_at.as_secs() + 301).is_err(), "too late");
    true
}

/// Checks a billing subscription: an accepted one is read the same with a member that Rust cannot represent.
pub fn clerk_billing(bytes: &[u8]) -> bool {
    let Ok(subscription) = ClerkSubscription::parse(bytes) else { return false };
    if let Some(extended) = with_unrepresentable_member(bytes) {
        assert_eq!(ClerkSubscription::parse(&extended), Ok(subscription));
    }
    true
}

/// Checks an event's body: an accepted one is read the same with a member that Rust cannot represent.
pub fn clerk_event(bytes: &[u8]) -> bool {
    let Ok(event) = ClerkEvent::parse(bytes) else { return false };
    if let Some(extended) = with_unrepresentable_member(bytes) {
        assert_eq!(ClerkEvent::parse(&extended), Ok(event));
    }
    true
}
