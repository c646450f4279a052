//! The parts of requests that change something at Stripe: form-encoded parameters and idempotency keys.

use crate::http::{Callout, Outcome};
use crate::stripe::api::StripeApi;
use form_urlencoded::Serializer;
use sha2::{Digest, Sha256};

/// The parameters of a request, in the order in which they are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Adds a parameter, such as `items[0][price]`.
    #[must_use]
    pub(crate) fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// Adds a parameter if it has a value.
    #[must_use]
    pub(crate) fn with_optional(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Returns the parameters as `application/x-www-form-urlencoded`.
    pub(crate) fn encode(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Serializer::new(String::new()).extend_pairs(pairs).finish()
    }
}

/// An idempotency key: within a day, Stripe performs a request with a known key only once, and replays its
/// response (<https://docs.stripe.com/api/idempotent_requests>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Creates the key of a request that these parts identify. Stripe rejects a known key with other
    /// parameters, so all parameters must be among them.
    pub(crate) fn new(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                digest.update([0]);
            }
            digest.update(part);
        }
        let digest = digest.finalize();
        IdempotencyKey(format!("tollgate-{}", hex::encode(digest.get(..16).unwrap_or_default())))
    }

    /// Returns the value of the header field.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether Stripe replayed its response to an earlier request with the same idempotency key.
pub(crate) fn is_replayed(outcome: &Outcome<'_>) -> bool {
    matches!(outcome, Outcome::Response { headers, .. } if headers.get("idempotent-replayed") == Some(b"true"))
}

impl StripeApi<'_> {
    /// Returns a request that changes something. Without an idempotency key, performing it twice must be the
    /// same as performing it once.
    pub(super) fn post(self, path: &str, form: &Parameters, key: Option<&IdempotencyKey>) -> Callout {
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        headers.extend(key.map(|key| ("idempotency-key", key.as_str().to_owned())));
        self.callout("POST", path, headers, form.encode().into_bytes())
    }

    /// Returns a request that deletes something; Stripe reads its parameters from the query.
    pub(super) fn delete(self, path: &str, form: &Parameters) -> Callout {
        let query = form.encode();
        let separator = if query.is_empty() { "" } else { "?" };
        self.callout("DELETE", &format!("{path}{separator}{query}"), Vec::new(), Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeaderMap;

    #[test]
    fn parameters_are_encoded_in_order() {
        let form = Parameters::default().with("items[0][id]", "si_1").with_optional("note", None::<&str>);
        let form = form.with_optional("comment", Some("a b&c=ü"));
        assert_eq!(form.encode(), "items%5B0%5D%5Bid%5D=si_1&comment=a+b%26c%3D%C3%BC");
    }

    #[test]
    fn a_key_depends_on_each_part_and_on_where_it_ends() {
        let key = IdempotencyKey::new(&["user_1", "price_1"]);
        assert_eq!(key, IdempotencyKey::new(&["user_1", "price_1"]));
        assert!(key.as_str().starts_with("tollgate-") && key.as_str().len() <= 255, "{}", key.as_str());
        for other in [&["user_2", "price_1"][..], &["user_1", "price_2"], &["user_1p", "rice_1"], &["user_1"]]
        {
            assert_ne!(key, IdempotencyKey::new(other), "{other:?}");
        }
    }

    #[test]
    fn a_replayed_response_is_marked_by_stripe() {
        let marked = HeaderMap::from_fields([(&b"idempotent-replayed"[..], &b"true"[..])]);
        let none = HeaderMap::default();
        let replayed = |headers| is_replayed(&Outcome::Response { status: 500, headers, body: b"" });
        assert!(replayed(&marked) && !replayed(&none) && !is_replayed(&Outcome::TimedOut));
    }
}
