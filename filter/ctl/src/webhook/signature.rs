//! Signs as Stripe does: <https://docs.stripe.com/webhooks/signatures>, scheme v1.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Returns the value of the header field `stripe-signature`.
pub(super) fn header(secret: &str, body: &[u8], now_s: u64) -> String {
    // HMAC takes keys of any length.
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mac| {
        mac.chain_update(now_s.to_string()).chain_update(b".").chain_update(body).finalize().into_bytes()
    });
    format!("t={now_s},v1={}", mac.map(hex::encode).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tollgate_core::stripe::signature::verify;
    use tollgate_core::time::Micros;

    #[test]
    fn the_gateway_accepts_the_signature() {
        let (body, now) = (b"{\"id\": \"evt_1\"}", Micros::from_secs(1_795_703_415));
        let value = header("whsec_1", body, now.as_secs());
        let verified = |secret: &[u8]| {
            verify(Some(value.as_bytes()), body, [secret], now, Duration::from_secs(300)).is_ok()
        };
        assert!(verified(b"whsec_1"), "{value}");
        assert!(!verified(b"whsec_2"));
    }
}
