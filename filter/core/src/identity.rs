//! The header fields `x-tollgate-*`, which only Tollgate sets. A client's fields of these names are removed.

use crate::http::HeaderMap;

/// The prefix of every header field that only Tollgate sets.
const PREFIX: &[u8] = b"x-tollgate-";

/// The prefixes of the header fields that the webhook filters set; the gate sets the others.
const STRIPE_PREFIX: &[u8] = b"x-tollgate-stripe-";
const CLERK_PREFIX: &[u8] = b"x-tollgate-clerk-";

/// The filter that sets a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderOwner {
    /// The filter of Stripe's webhooks: `x-tollgate-stripe-*`.
    StripeWebhook,
    /// The filter of Clerk's webhooks: `x-tollgate-clerk-*`.
    ClerkWebhook,
    /// The gate: every other `x-tollgate-*`.
    Gate,
}

/// Returns the filter that sets the header field `name`, or `None` if any client may send it.
///
/// `_` matches `-`, because some upstreams (CGI and WSGI) treat them alike. Case is ignored.
pub fn header_owner(name: &[u8]) -> Option<HeaderOwner> {
    if !begins_with(name, PREFIX) {
        None
    } else if begins_with(name, STRIPE_PREFIX) {
        Some(HeaderOwner::StripeWebhook)
    } else if begins_with(name, CLERK_PREFIX) {
        Some(HeaderOwner::ClerkWebhook)
    } else {
        Some(HeaderOwner::Gate)
    }
}

/// Returns the names, spelled as in the request, of the header fields whose owner `is_owner` accepts.
pub(crate) fn fields_owned_by(headers: &HeaderMap, is_owner: impl Fn(HeaderOwner) -> bool) -> Vec<Vec<u8>> {
    let is_owned = |name: &[u8]| header_owner(name).is_some_and(&is_owner);
    headers.iter().filter(|(name, _)| is_owned(name)).map(|(name, _)| name.to_vec()).collect()
}

/// Returns whether `name` starts with `prefix`, which is in lower case and with `-`.
fn begins_with(name: &[u8], prefix: &[u8]) -> bool {
    let folded = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.get(..prefix.len()).is_some_and(|start| start.iter().map(folded).eq(prefix.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_ours_is_recognized_and_nothing_else() {
        let cases: &[(&str, Option<HeaderOwner>)] = &[
            ("x-tollgate-user", Some(HeaderOwner::Gate)),
            ("X-Tollgate-Plan", Some(HeaderOwner::Gate)),
            ("x_tollgate_user", Some(HeaderOwner::Gate)),
            ("x-tollgate_plan", Some(HeaderOwner::Gate)),
            ("x-tollgate-", Some(HeaderOwner::Gate)),
            ("x-tollgate-stripe-event", Some(HeaderOwner::StripeWebhook)),
            ("X_TOLLGATE_STRIPE_RESULT", Some(HeaderOwner::StripeWebhook)),
            ("x-tollgate-clerk-event", Some(HeaderOwner::ClerkWebhook)),
            ("X_Tollgate_Clerk_Result", Some(HeaderOwner::ClerkWebhook)),
            ("x-tollgate-clerk", Some(HeaderOwner::Gate)),
            ("x-tollgate", None),
            ("x-tollgates", None),
            ("authorization", None),
            ("", None),
        ];
        for (name, want) in cases {
            assert_eq!(header_owner(name.as_bytes()), *want, "{name}");
        }
    }

    #[test]
    fn owned_fields_are_returned_in_their_own_spelling() {
        let headers = HeaderMap::from_fields([
            (&b"x-tollgate-user"[..], &b"user_1"[..]),
            (b"x_tollgate_plan", b"pro"),
            (b"x-tollgate-stripe-event", b"evt_1"),
            (b"accept", b"*/*"),
        ]);
        let gates = fields_owned_by(&headers, |owner| owner == HeaderOwner::Gate);
        assert_eq!(gates, [b"x-tollgate-user".to_vec(), b"x_tollgate_plan".to_vec()]);
    }
}
