//! Webhook endpoints.

/// A webhook endpoint: a URL to which Stripe delivers events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// `we_…`
    pub id: String,
    /// Unix seconds. If it is 0, it becomes the time at which the object is added.
    pub created: i64,
    /// Where Stripe delivers.
    pub url: String,
    /// The types of its events; `*` for all.
    pub enabled_events: Vec<String>,
    /// The API version of its events; `None` for the account's default.
    pub api_version: Option<String>,
    /// Whether it is disabled, by its owner or by Stripe.
    pub disabled: bool,
}

impl WebhookEndpoint {
    /// Returns an enabled endpoint for all events, with the account's API version.
    pub fn new(id: &str, url: &str) -> Self {
        WebhookEndpoint {
            id: id.to_owned(),
            created: 0,
            url: url.to_owned(),
            enabled_events: vec!["*".to_owned()],
            api_version: None,
            disabled: false,
        }
    }

    /// Sets the types of its events.
    #[must_use]
    pub fn events(mut self, types: &[&str]) -> Self {
        self.enabled_events = types.iter().map(|kind| (*kind).to_owned()).collect();
        self
    }

    /// Sets the API version of its events.
    #[must_use]
    pub fn api_version(mut self, version: &str) -> Self {
        self.api_version = Some(version.to_owned());
        self
    }

    /// Disables it.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }
}
