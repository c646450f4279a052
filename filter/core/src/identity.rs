//! The header fields that Tollgate vouches for: nobody outside may set them.

use crate::http::HeaderMap;

/// What every header field that Tollgate vouches for begins with.
const PREFIX: &[u8] = b"x-tollgate-";

/// What those of the webhook filter begin with; the gate vouches for the rest.
const STRIPE_PREFIX: &[u8] = b"x-tollgate-stripe-";

/// Which of the two filters vouches for a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// The webhook filter: `x-tollgate-stripe-*`.
    Webhook,
    /// The gate: every other `x-tollgate-*`.
    Gate,
}

/// Who vouches for a header field of that name; `None` if it is none of Tollgate's.
///
/// An upstream may read `_` for `-` (CGI and WSGI do), and header names know no case.
pub fn voucher(name: &[u8]) -> Option<Voucher> {
    if begins_with(name, STRIPE_PREFIX) {
        Some(Voucher::Webhook)
    } else if begins_with(name, PREFIX) {
        Some(Voucher::Gate)
    } else {
        None
    }
}

/// The names, as they stand there, of the header fields that `voucher` vouches for.
pub(crate) fn foreign_fields(headers: &HeaderMap, by: impl Fn(Voucher) -> bool) -> Vec<Vec<u8>> {
    headers.iter().filter(|(name, _)| voucher(name).is_some_and(&by)).map(|(name, _)| name.to_vec()).collect()
}

fn begins_with(name: &[u8], prefix: &[u8]) -> bool {
    let folded = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.get(..prefix.len()).is_some_and(|start| start.iter().map(folded).eq(prefix.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_ours_is_recognized_and_nothing_else() {
        let cases: &[(&str, Option<Voucher>)] = &[
            ("x-tollgate-user", Some(Voucher::Gate)),
            ("X-Tollgate-Plan", Some(Voucher::Gate)),
            ("x_tollgate_user", Some(Voucher::Gate)),
            ("x-tollgate_plan", Some(Voucher::Gate)),
            ("x-tollgate-", Some(Voucher::Gate)),
            ("x-tollgate-stripe-event", Some(Voucher::Webhook)),
            ("X_TOLLGATE_STRIPE_RESULT", Some(Voucher::Webhook)),
            ("x-tollgate", None),
            ("x-tollgates", None),
            ("authorization", None),
            ("", None),
        ];
        for (name, want) in cases {
            assert_eq!(voucher(name.as_bytes()), *want, "{name}");
        }
    }

    #[test]
    fn fields_are_named_as_they_stand_there() {
        let headers = HeaderMap::from_fields([
            (&b"x-tollgate-user"[..], &b"user_1"[..]),
            (b"x_tollgate_plan", b"pro"),
            (b"x-tollgate-stripe-event", b"evt_1"),
            (b"accept", b"*/*"),
        ]);
        let gates = foreign_fields(&headers, |by| by == Voucher::Gate);
        assert_eq!(gates, [b"x-tollgate-user".to_vec(), b"x_tollgate_plan".to_vec()]);
    }
}
