//! The codes of the endpoints' problem responses, which are also the codes of the metrics that count them.

use crate::auth::token::TokenCode;
use crate::problem::Problem;

/// Defines [`BillingCode`] from a table: the name, the status, the code in the response, and the explanation.
macro_rules! codes {
    ($($name:ident: $status:literal $code:literal, $detail:literal;)*) => {
        /// The code of a problem response.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum BillingCode {
            $(#[doc = $detail] $name,)*
            /// The reason why there is no valid session token.
            Token(TokenCode),
        }

        /// The codes that are not about tokens.
        const OWN: &[BillingCode] = &[$(BillingCode::$name),*];

        impl BillingCode {
            /// Returns the status of the response.
            pub(super) const fn status(self) -> u16 {
                match self {
                    $(BillingCode::$name => $status,)*
                    BillingCode::Token(_) => 401,
                }
            }

            /// Returns the text in the response and in the metric's name.
            pub(super) const fn as_str(self) -> &'static str {
                match self {
                    $(BillingCode::$name => $code,)*
                    BillingCode::Token(code) => code.as_str(),
                }
            }

            /// Returns the explanation for the client.
            pub(super) const fn detail(self) -> &'static str {
                match self {
                    $(BillingCode::$name => $detail,)*
                    BillingCode::Token(_) => "there is no valid session token",
                }
            }
        }
    };
}

codes! {
    NotFound: 404 "not_found", "there is no endpoint at this path";
    MethodNotAllowed: 405 "method_not_allowed", "this endpoint has another method";
    UnsupportedMediaType: 415 "unsupported_media_type", "send the body as `content-type: application/json`";
    BodyTooLarge: 413 "body_too_large", "a body is at most 16 KB long";
    Overloaded: 503 "overloaded", "the gateway is processing too many requests";
    InvalidRequest: 400 "invalid_request", "the request is not valid";
    UrlNotAllowed: 400 "url_not_allowed", "the URL must be absolute, and its origin must be in `billing.return_origins`";
    TooManyRequests: 429 "too_many_requests", "this user or organization has made too many requests; retry later";
    KeysUnavailable: 503 "keys_unavailable", "the keys to verify session tokens with are not available";
    OriginRequired: 403 "origin_required", "with a session cookie, the Origin field must be one of the application's origins";
    OrganizationRequired: 403 "organization_required", "select an organization first";
    NotAllowedForOrganization: 403 "not_allowed_for_organization", "your role in the organization may not manage its billing";
    UnknownPlan: 400 "unknown_plan", "there is no plan of this name";
    UnknownPurchase: 400 "unknown_purchase", "there is no purchase of this name";
    PlanNotForSale: 400 "plan_not_for_sale", "this plan has no such price";
    IntervalRequired: 400 "interval_required", "this plan has several prices: choose an `interval`";
    AlreadySubscribed: 409 "already_subscribed", "there is a subscription already: change it instead of buying a second one";
    ActionUnavailable: 409 "action_unavailable", "this is not possible in the subscription's current status";
    NoCustomer: 404 "no_customer", "nothing was bought yet: start with a checkout";
    NoSubscription: 404 "no_subscription", "there is no subscription that can be changed here";
    NothingToResume: 409 "nothing_to_resume", "no cancellation or change is pending, and nothing is paused";
    NoChange: 409 "no_change", "the subscription is already like this";
    ChangePending: 409 "change_pending", "a schedule that was not made here manages the subscription";
    PreviewExpired: 409 "preview_expired", "request a new preview: this one is too old";
    PaymentFailed: 402 "payment_failed", "the payment failed";
    PaymentActionRequired: 402 "payment_action_required", "the bank asks for authentication: open `url`";
    UpstreamUnavailable: 503 "upstream_unavailable", "Stripe or Clerk did not respond as expected; retry later";
    UpstreamRefused: 502 "upstream_refused", "the request could not be performed; the gateway's log says why";
    BadCredentials: 500 "bad_credentials", "the request could not be performed; the gateway's log says why";
    InternalError: 500 "internal_error", "the request could not be performed; the gateway's log says why";
}

impl BillingCode {
    /// The number of codes.
    pub(super) const COUNT: usize = OWN.len().saturating_add(TokenCode::ALL.len());

    /// Returns all codes, each once.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        OWN.iter().copied().chain(TokenCode::ALL.map(BillingCode::Token))
    }

    /// Returns the problem with the code's explanation.
    pub(super) fn problem(self) -> Problem {
        Problem::new(self.status(), self.as_str(), self.detail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_code_has_a_text_of_its_own() {
        let texts: BTreeSet<_> = BillingCode::all().map(BillingCode::as_str).collect();
        assert_eq!(texts.len(), BillingCode::COUNT);
    }
}
