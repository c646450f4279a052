//! The list of webhook endpoints: <https://docs.stripe.com/api/webhook_endpoints/list>.

use serde_json::{Value, json};

use super::endpoints::Call;
use super::error::StripeError;
use super::model::WebhookEndpoint;
use super::objects::Objects;

impl Call<'_> {
    pub(super) fn webhook_endpoints(&self) -> Result<Value, StripeError> {
        self.parameters.accept(&["ending_before", "expand[#]", "limit", "starting_after"], &[])?;
        self.page("/v1/webhook_endpoints", |_: &WebhookEndpoint| true)
    }
}

impl Objects<'_> {
    /// Returns a webhook endpoint. Its secret is shown only when it is created.
    pub fn webhook_endpoint(&self, endpoint: &WebhookEndpoint) -> Value {
        json!({
            "id": endpoint.id,
            "object": "webhook_endpoint",
            "api_version": endpoint.api_version,
            "application": null,
            "created": endpoint.created,
            "description": null,
            "enabled_events": endpoint.enabled_events,
            "livemode": self.livemode,
            "metadata": {},
            "status": if endpoint.disabled { "disabled" } else { "enabled" },
            "url": endpoint.url,
        })
    }
}
