//! Sessions of the customer portal.

/// The one thing that a portal session leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortalFlow {
    /// `payment_method_update`, `subscription_cancel`, or `subscription_update`.
    pub kind: String,
    /// The subscription that it is about.
    pub subscription: Option<String>,
    /// `hosted_confirmation`, `portal_homepage`, or `redirect`.
    pub after_completion: String,
    /// The URL to which it redirects after its completion.
    pub redirect: Option<String>,
}

/// A session of the customer portal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortalSession {
    /// `bps_…`
    pub id: String,
    /// The creation time in Unix seconds; 0 stands for the time at which it is put.
    pub created: i64,
    /// The customer's id.
    pub customer: String,
    /// The portal configuration's id.
    pub configuration: String,
    /// The URL of the link back.
    pub return_url: Option<String>,
    /// The language of the pages.
    pub locale: Option<String>,
    /// The page that it opens; `None` for the whole portal.
    pub flow: Option<PortalFlow>,
    /// The secret in its URL.
    pub secret: String,
    /// Whether its URL was opened.
    pub is_opened: bool,
}

impl PortalSession {
    /// Returns whether its URL leads to the portal: it must be opened within five minutes, and lasts an hour
    /// then.
    pub fn is_valid(&self, now: i64) -> bool {
        now < self.created + if self.is_opened { 3600 } else { 300 }
    }
}
