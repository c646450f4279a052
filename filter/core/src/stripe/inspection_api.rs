//! The requests to Stripe's API that only an inspection of the account makes.

use super::api::{PAGE, StripeApi, object_path};
use crate::http::Callout;

impl StripeApi<'_> {
    /// Returns the request for a page of the account's webhook endpoints, newest first.
    pub(crate) fn list_webhook_endpoints(self, after: Option<&str>) -> Callout {
        let mut query = vec![("limit", PAGE)];
        query.extend(after.map(|id| ("starting_after", id)));
        self.get("/v1/webhook_endpoints", &query)
    }

    /// Returns the request for a page of the recurring prices that are sold, newest first, with their
    /// products.
    pub(crate) fn list_sold_prices(self, after: Option<&str>) -> Callout {
        let mut query =
            vec![("active", "true"), ("type", "recurring"), ("limit", PAGE), ("expand[]", "data.product")];
        query.extend(after.map(|id| ("starting_after", id)));
        self.get("/v1/prices", &query)
    }

    /// Returns the request for a configuration of the customer portal.
    pub(crate) fn retrieve_portal_configuration(self, id: &str) -> Callout {
        self.get(&object_path("billing_portal/configurations", id), &[])
    }

    /// Returns the request for the portal's default configuration, in a list of at most one.
    pub(crate) fn list_default_portal_configuration(self) -> Callout {
        self.get("/v1/billing_portal/configurations", &[("is_default", "true"), ("limit", "1")])
    }
}
