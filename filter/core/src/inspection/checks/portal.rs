//! The configuration of the customer portal, which the billing endpoints open.

use crate::inspection::Inspection;
use crate::inspection::account::ConfiguredObject;
use crate::inspection::check::{CheckOutcome, CheckVerdict};

/// Checks that the portal has a configuration in the mode of the API key.
pub(super) fn portal_configuration<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let billing = inspection.document.billing.as_ref()?;
    let configured = billing.portal_configuration.as_deref();
    let cure = match configured {
        Some(_) => "set `billing.portal.configuration` to an active configuration of the mode of the API key",
        None => "save the portal's settings once at Stripe, under Settings, Billing, Customer portal",
    };
    let name = configured.unwrap_or("the default configuration");
    Some(match &inspection.accounts.stripe.portal {
        ConfiguredObject::Found(portal) if portal.active => {
            Ok(CheckVerdict::ok(format!("the customer portal has the configuration {}", portal.id)))
        }
        ConfiguredObject::Found(portal) => {
            Ok(CheckVerdict::problem(format!("{} of the portal is not active", portal.id), cure))
        }
        ConfiguredObject::Missing => {
            Ok(CheckVerdict::problem(format!("Stripe does not have {name} of the customer portal"), cure))
        }
        ConfiguredObject::OtherMode => {
            Ok(CheckVerdict::problem(format!("{name} of the customer portal is of the other mode"), cure))
        }
        ConfiguredObject::Failed(error) => Err(error),
    })
}
