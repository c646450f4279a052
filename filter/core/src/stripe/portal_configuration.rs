//! Configurations of the customer portal.

use super::object::UnreadableError;
use super::wire::{self, Object};

/// A configuration of the customer portal:
/// <https://docs.stripe.com/api/customer_portal/configurations/object>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PortalConfiguration {
    /// The id.
    pub(crate) id: String,
    /// Whether it can be used for new sessions.
    pub(crate) active: bool,
}

impl PortalConfiguration {
    /// Parses a configuration.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a configuration.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        Self::read(Object::from_value(&wire::value(body)?)?)
    }

    /// Parses a page of configurations, and returns the first.
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a list of configurations.
    pub(crate) fn parse_first(body: &[u8]) -> Result<Option<Self>, UnreadableError> {
        let body = wire::value(body)?;
        let first = Object::from_value(&body)?.page()?.first();
        first.map(|object| Self::read(Object::from_value(object)?)).transpose()
    }

    fn read(object: Object<'_>) -> Result<Self, UnreadableError> {
        Ok(PortalConfiguration { id: object.needed_text("id")?.to_owned(), active: object.is_set("active")? })
    }
}
