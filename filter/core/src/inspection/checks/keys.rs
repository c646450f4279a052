//! The API keys: whether the APIs accept them, what a restricted key permits, and their modes.

use crate::inspection::Inspection;
use crate::inspection::check::{CheckOutcome, CheckVerdict, listed};
use crate::inspection::document::KeyMode;
use crate::inspection::read_error::{ReadError, permission_cure};
use crate::inspection::request::NeededRead;

/// Checks that Stripe accepts the API key.
pub(super) fn stripe_key<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let read = inspection.accounts.stripe.permissions.get(&NeededRead::Subscriptions);
    Some(match read.filter(|_| inspection.document.reads_stripe())? {
        Err(ReadError::StripeKeyRefused(why)) => Ok(CheckVerdict::problem(
            format!("Stripe refuses the API key: {why}"),
            "set STRIPE_API_KEY to a key of this account, from Developers, API keys",
        )),
        // Another check reports the permission.
        Err(ReadError::MissingPermission { .. }) | Ok(()) => {
            Ok(CheckVerdict::ok("Stripe accepts the API key"))
        }
        Err(error) => Err(error),
    })
}

/// Checks that a restricted key permits every read of the product. Writes cannot be tried without writing.
pub(super) fn stripe_permissions<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let permissions = &inspection.accounts.stripe.permissions;
    if permissions.is_empty() {
        return None;
    }
    let mut lacking = Vec::new();
    let mut cures = Vec::new();
    let mut failed = None;
    for (read, permitted) in permissions {
        match permitted {
            Ok(()) => {}
            Err(ReadError::MissingPermission { permissions, .. }) => {
                lacking.push(read.as_str());
                cures.push(permission_cure(permissions));
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    cures.dedup();
    Some(match (lacking.is_empty(), failed) {
        (false, _) => Ok(CheckVerdict::problem(
            format!("the API key may not read {}", listed(&lacking)),
            cures.join("; "),
        )),
        (true, Some(error)) => Err(error),
        (true, None) => Ok(CheckVerdict::ok("the API key may read what the filters read")),
    })
}

/// Checks that Clerk accepts the secret key.
pub(super) fn clerk_key<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    inspection.document.settings()?;
    Some(match &inspection.accounts.clerk.instance {
        Ok(_) => Ok(CheckVerdict::ok("Clerk accepts the secret key")),
        Err(ReadError::ClerkKeyRefused(why)) => Ok(CheckVerdict::problem(
            why.clone(),
            "set CLERK_SECRET_KEY to a secret key of this instance, from Configure, API keys",
        )),
        Err(error) => Err(error),
    })
}

/// Checks that both keys and `stripe_webhook.livemode` are of the same mode.
pub(super) fn key_modes<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    const CURE: &str = "use the live key of Stripe with the production instance of Clerk, and test keys with a \
                        development instance";
    let document = inspection.document;
    let (stripe, clerk) = (document.stripe_mode()?, document.clerk_mode());
    let livemode = document.stripe_webhook.as_ref().and_then(|section| section.livemode);
    Some(Ok(match (stripe, clerk, livemode) {
        (KeyMode::Live, Some(KeyMode::Test), _) => CheckVerdict::problem(
            "the key of Stripe is of live mode, and the key of Clerk of a development instance",
            CURE,
        ),
        (KeyMode::Test, Some(KeyMode::Live), _) => CheckVerdict::problem(
            "the key of Stripe is of test mode, and the key of Clerk of a production instance",
            CURE,
        ),
        (KeyMode::Test, _, Some(true)) => CheckVerdict::problem(
            "stripe_webhook.livemode is true, and the key of Stripe is of test mode",
            "use the live key, or remove `livemode`",
        ),
        (KeyMode::Live, _, Some(false)) => CheckVerdict::problem(
            "stripe_webhook.livemode is false, and the key of Stripe is of live mode",
            "use the test key, or remove `livemode`",
        ),
        (KeyMode::Live, ..) => CheckVerdict::ok("the keys are of live mode"),
        (KeyMode::Test, ..) => CheckVerdict::ok("the keys are of test mode"),
    }))
}
