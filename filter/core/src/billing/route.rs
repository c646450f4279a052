//! Finds the endpoint of a request.

use super::error::BillingError;
use crate::http::HeaderMap;
use crate::path;

/// An endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndpointKind {
    /// Returns the plans and prices that are for sale.
    Plans,
    /// Returns the subject's subscription.
    Subscription,
    /// Opens Stripe's checkout.
    Checkout,
    /// Opens Stripe's customer portal.
    Portal,
    /// Cancels the subscription.
    Cancel,
    /// Undoes a pending cancellation, change, or pause.
    Resume,
    /// Returns the cost of a change.
    ChangePreview,
    /// Changes the plan, the interval, or the quantity.
    Change,
    /// Returns the subject's invoices.
    Invoices,
}

impl EndpointKind {
    /// All endpoints.
    pub(super) const ALL: [EndpointKind; 9] = [
        EndpointKind::Plans,
        EndpointKind::Subscription,
        EndpointKind::Checkout,
        EndpointKind::Portal,
        EndpointKind::Cancel,
        EndpointKind::Resume,
        EndpointKind::ChangePreview,
        EndpointKind::Change,
        EndpointKind::Invoices,
    ];

    /// Returns the name in metrics and in Envoy's access log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            EndpointKind::Plans => "plans",
            EndpointKind::Subscription => "subscription",
            EndpointKind::Checkout => "checkout",
            EndpointKind::Portal => "portal",
            EndpointKind::Cancel => "cancel",
            EndpointKind::Resume => "resume",
            EndpointKind::ChangePreview => "change_preview",
            EndpointKind::Change => "change",
            EndpointKind::Invoices => "invoices",
        }
    }

    /// Returns the path below the configured one.
    const fn path(self) -> &'static str {
        match self {
            EndpointKind::Plans => "/plans",
            EndpointKind::Subscription => "/subscription",
            EndpointKind::Checkout => "/checkout",
            EndpointKind::Portal => "/portal",
            EndpointKind::Cancel => "/cancel",
            EndpointKind::Resume => "/resume",
            EndpointKind::ChangePreview => "/change/preview",
            EndpointKind::Change => "/change",
            EndpointKind::Invoices => "/invoices",
        }
    }

    /// Returns whether the endpoint changes something, so that it has the method POST and a body.
    pub(super) const fn is_post(self) -> bool {
        !matches!(self, EndpointKind::Plans | EndpointKind::Subscription | EndpointKind::Invoices)
    }

    /// Returns whether the endpoint needs a session token.
    pub(super) const fn needs_token(self) -> bool {
        !matches!(self, EndpointKind::Plans)
    }

    /// Returns the methods of the endpoint.
    pub(super) const fn methods(self) -> &'static str {
        if self.is_post() { "POST" } else { "GET, HEAD" }
    }
}

/// The destination of a request.
#[derive(Debug)]
pub(super) enum Route {
    /// The upstream.
    OtherPath,
    /// An endpoint.
    Endpoint(EndpointKind),
    /// An endpoint; the request is a browser's preflight.
    Preflight(EndpointKind),
    /// None: the request is refused.
    Refused(BillingError),
}

impl Route {
    /// Finds the endpoint of a request. `base` is the configured path; only the exact spelling of a path
    /// counts.
    pub(super) fn new(base: &str, headers: &HeaderMap) -> Self {
        let path = path::without_query(headers.get(":path").unwrap_or_default());
        let Some(rest) = path.strip_prefix(base.as_bytes()) else { return Route::OtherPath };
        if !rest.is_empty() && !rest.starts_with(b"/") {
            return Route::OtherPath;
        }
        let is_at = |endpoint: &EndpointKind| endpoint.path().as_bytes() == rest;
        let Some(endpoint) = EndpointKind::ALL.into_iter().find(is_at) else {
            return Route::Refused(BillingError::NotFound);
        };
        match headers.get(":method") {
            Some(b"POST") if endpoint.is_post() => Route::Endpoint(endpoint),
            Some(b"GET" | b"HEAD") if !endpoint.is_post() => Route::Endpoint(endpoint),
            _ if crate::cors::is_preflight(headers) => Route::Preflight(endpoint),
            _ => Route::Refused(BillingError::MethodNotAllowed { allow: endpoint.methods() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str) -> Result<Option<EndpointKind>, &'static str> {
        let fields = [(&b":method"[..], method.as_bytes()), (b":path", path.as_bytes())];
        match Route::new("/billing", &HeaderMap::from_fields(fields)) {
            Route::OtherPath => Ok(None),
            Route::Endpoint(endpoint) => Ok(Some(endpoint)),
            Route::Preflight(_) => Err("preflight"),
            Route::Refused(error) => Err(crate::http::Reply::from(error.problem()).details),
        }
    }

    #[test]
    fn only_exact_paths_below_the_configured_one_are_endpoints() {
        let cases = [
            ("GET", "/billing/plans", Ok(Some(EndpointKind::Plans))),
            ("HEAD", "/billing/subscription", Ok(Some(EndpointKind::Subscription))),
            ("GET", "/billing/invoices?limit=1", Ok(Some(EndpointKind::Invoices))),
            ("POST", "/billing/change/preview", Ok(Some(EndpointKind::ChangePreview))),
            ("POST", "/billing/change", Ok(Some(EndpointKind::Change))),
            ("GET", "/billing/checkout", Err("method_not_allowed")),
            ("POST", "/billing/plans", Err("method_not_allowed")),
            ("GET", "/billing", Err("not_found")),
            ("GET", "/billing/", Err("not_found")),
            ("GET", "/billing/plans/", Err("not_found")),
            ("GET", "/billing/%70lans", Err("not_found")),
            ("GET", "/billings", Ok(None)),
            ("GET", "/ask", Ok(None)),
        ];
        for (method, path, want) in cases {
            assert_eq!(route(method, path), want, "{method} {path}");
        }
    }
}
