//! Webhook endpoints: where Stripe delivers which events.

use super::object::UnreadableError;
use super::wire::{self, Object};

/// A webhook endpoint: <https://docs.stripe.com/api/webhook_endpoints/object>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebhookEndpoint {
    /// The id.
    pub(crate) id: String,
    /// The URL to which Stripe delivers.
    pub(crate) url: String,
    /// Whether its `status` is `enabled`.
    pub(crate) enabled: bool,
    /// The types of the events that it gets; `*` for all.
    pub(crate) events: Vec<String>,
    /// The API version of its events; `None` for the account's default.
    pub(crate) api_version: Option<String>,
}

impl WebhookEndpoint {
    /// Parses a page of webhook endpoints. Also returns whether there are more.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a list of webhook endpoints.
    pub(crate) fn parse_page(body: &[u8]) -> Result<(Vec<Self>, bool), UnreadableError> {
        let body = wire::value(body)?;
        let list = Object::from_value(&body)?;
        let read = |object| Self::read(Object::from_value(object)?);
        Ok((list.page()?.iter().map(read).collect::<Result<_, _>>()?, list.is_set("has_more")?))
    }

    fn read(object: Object<'_>) -> Result<Self, UnreadableError> {
        let events = object.member("enabled_events").and_then(|events| events.as_array());
        let events = events.ok_or(UnreadableError("enabled_events"))?;
        Ok(WebhookEndpoint {
            id: object.needed_text("id")?.to_owned(),
            url: object.needed_text("url")?.to_owned(),
            enabled: object.needed_text("status")? == "enabled",
            events: events.iter().filter_map(|event| event.as_str()).map(str::to_owned).collect(),
            api_version: object.owned_text("api_version")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_endpoint_has_a_url_events_and_a_version() {
        let endpoint = json!({
            "id": "we_1", "object": "webhook_endpoint", "url": "https://gateway.example.com/webhooks/stripe",
            "status": "enabled", "enabled_events": ["invoice.paid"], "api_version": null,
        });
        let page = |object: &serde_json::Value, more| json!({"data": [object], "has_more": more}).to_string();
        let (read, more) = WebhookEndpoint::parse_page(page(&endpoint, true).as_bytes()).unwrap();
        let want = WebhookEndpoint {
            id: "we_1".to_owned(),
            url: "https://gateway.example.com/webhooks/stripe".to_owned(),
            enabled: true,
            events: vec!["invoice.paid".to_owned()],
            api_version: None,
        };
        assert_eq!((read, more), (vec![want], true));
        for member in ["id", "url", "status", "enabled_events"] {
            let mut endpoint = endpoint.clone();
            endpoint[member] = json!(null);
            assert!(WebhookEndpoint::parse_page(page(&endpoint, false).as_bytes()).is_err(), "{member}");
        }
    }
}
