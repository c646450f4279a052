//! The codes of the endpoints' problem responses, which are also the codes of the metrics that count them.

use crate::auth::token::TokenCode;
use crate::problem::{Problem, ProblemCode};

/// Defines [`BillingCode`] from a table: the name, which is also that of the [`ProblemCode`], the status, and the
/// explanation.
macro_rules! codes {
    ($($name:ident: $status:literal $detail:literal;)*) => {
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

            /// Returns the code of the response.
            const fn problem_code(self) -> ProblemCode {
                match self {
                    $(BillingCode::$name => ProblemCode::$name,)*
                    BillingCode::Token(code) => code.problem(),
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
    NotFound: 404 "there is no endpoint at this path";
    MethodNotAllowed: 405 "this endpoint has another method";
    UnsupportedMediaType: 415 "send the body as `content-type: application/json`";
    BodyTooLarge: 413 "a body is at most 16 KB long";
    Overloaded: 503 "the gateway is processing too many requests";
    InvalidRequest: 400 "the request is not valid";
    UrlNotAllowed: 400 "the URL must be absolute, and its origin must be in `billing.return_origins`";
    TooManyRequests: 429 "this user or organization has made too many requests; retry later";
    KeysUnavailable: 503 "the keys to verify session tokens with are not available";
    OriginRequired: 403 "with a session cookie, the Origin field must be one of the application's origins";
    OrganizationRequired: 403 "select an organization first";
    NotAllowedForOrganization: 403 "your role in the organization may not manage its billing";
    UnknownPlan: 400 "there is no plan of this name";
    UnknownPurchase: 400 "there is no purchase of this name";
    PlanNotForSale: 400 "this plan has no such price";
    IntervalRequired: 400 "this plan has several prices: choose an `interval`";
    AlreadySubscribed: 409 "there is a subscription already: change it instead of buying a second one";
    ActionUnavailable: 409 "this is not possible in the subscription's current status";
    NoCustomer: 404 "nothing was bought yet: start with a checkout";
    NoSubscription: 404 "there is no subscription that can be changed here";
    NothingToResume: 409 "no cancellation or change is pending, and nothing is paused";
    NoChange: 409 "the subscription is already like this";
    ChangePending: 409 "a schedule that was not made here manages the subscription";
    PreviewExpired: 409 "request a new preview: this one is too old";
    PaymentFailed: 402 "the payment failed";
    PaymentActionRequired: 402 "the bank asks for authentication: open `url`";
    UpstreamUnavailable: 503 "Stripe or Clerk did not respond as expected; retry later";
    UpstreamRefused: 502 "the request could not be performed; the gateway's log says why";
    BadCredentials: 500 "the request could not be performed; the gateway's log says why";
    InternalError: 500 "the request could not be performed; the gateway's log says why";
}

impl BillingCode {
    /// The number of codes.
    pub(super) const COUNT: usize = OWN.len().saturating_add(TokenCode::ALL.len());

    /// Returns the text in the response and in the metric's name.
    pub(super) const fn as_str(self) -> &'static str {
        self.problem_code().as_str()
    }

    /// Returns all codes, each once.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        OWN.iter().copied().chain(TokenCode::ALL.map(BillingCode::Token))
    }

    /// Returns the problem with the code's explanation.
    pub(super) fn problem(self) -> Problem {
        Problem::new(self.status(), self.problem_code(), self.detail())
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
