//! The Clerk instance: its environment, and whether the gate accepts its session tokens.

use crate::auth::KeySource;
use crate::auth::keys::{KeySet, PublicKey, pem};
use crate::inspection::Inspection;
use crate::inspection::check::{CheckOutcome, CheckVerdict, listed};
use crate::inspection::document::KeyMode;

/// Checks that the instance is the configured one, and not for development while Stripe is of live mode.
pub(super) fn clerk_instance<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let document = inspection.document;
    document.settings()?;
    let instance = match &inspection.accounts.clerk.instance {
        Ok(instance) => instance,
        Err(error) => return Some(Err(error)),
    };
    let configured = document.clerk_webhook.as_ref().and_then(|section| section.instance.as_ref());
    let livemode = document.stripe_webhook.as_ref().and_then(|section| section.livemode) == Some(true);
    let is_live = livemode || document.stripe_mode() == Some(KeyMode::Live);
    // If the keys show it, the check of their modes reports it.
    let is_reported = document.clerk_mode() == Some(KeyMode::Test) && document.stripe_mode().is_some();
    Some(Ok(match configured {
        Some(id) if id.as_str() != instance.id => CheckVerdict::problem(
            format!("the secret key is of the instance {}, and clerk_webhook.instance is {id}", instance.id),
            "use the key of that instance, or correct `clerk_webhook.instance`",
        ),
        _ if instance.is_development && is_live && !is_reported => CheckVerdict::problem(
            format!("the instance {} is for development, and Stripe is of live mode", instance.id),
            "use the secret key of the production instance",
        ),
        _ if instance.is_development => {
            CheckVerdict::ok(format!("the instance {} is for development", instance.id))
        }
        _ => CheckVerdict::ok(format!("the instance {} is for production", instance.id)),
    }))
}

/// Checks that the gate verifies tokens with a key of the instance.
pub(super) fn token_keys<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    const CURE: &str =
        "copy the public key (PEM) of this instance, or its JWKS URL, from Clerk under Configure, API keys";
    let configured = inspection.document.token_keys.as_ref()?;
    inspection.document.settings()?;
    let clerk = &inspection.accounts.clerk;
    let instance = match &clerk.keys {
        Ok(keys) => keys,
        Err(error) => return Some(Err(error)),
    };
    let of_gate: Vec<PublicKey> = match configured {
        Err(error) => {
            let detail = format!("could not be checked: {error}");
            return Some(Ok(CheckVerdict::warning(
                detail,
                "set the variable for this command, as for the gateway",
            )));
        }
        Ok(KeySource::Pem(texts)) => {
            texts.iter().flat_map(|text| pem::parse(text).unwrap_or_default()).collect()
        }
        Ok(KeySource::Jwks { .. }) => match &clerk.token_keys {
            Ok(keys) => all(keys),
            Err(error) => return Some(Err(error)),
        },
    };
    let all_of_instance = all(instance);
    let is_shared = of_gate.iter().any(|key| all_of_instance.iter().any(|own| own.spki() == key.spki()));
    Some(Ok(match is_shared {
        true => CheckVerdict::ok("the gate verifies tokens with a key of the instance"),
        false => CheckVerdict::problem(
            "the gate's key is not a key of the instance, so it refuses every session token",
            CURE,
        ),
    }))
}

fn all(keys: &KeySet) -> Vec<PublicKey> {
    keys.candidates(None).cloned().collect()
}

/// Checks that the instance issues tokens with the configured issuer.
pub(super) fn issuer<'a>(inspection: &'a Inspection<'_>) -> Option<CheckOutcome<'a>> {
    let configured = &inspection.document.gate.as_ref()?.tokens.rules.issuer;
    inspection.document.settings()?;
    let issuers = match &inspection.accounts.clerk.issuers {
        Ok(issuers) => issuers,
        Err(error) => return Some(Err(error)),
    };
    Some(Ok(match issuers.contains(configured) {
        true => CheckVerdict::ok(format!("the instance's tokens have the issuer {configured}")),
        false => CheckVerdict::problem(
            format!("plan_gate.issuer is {configured}, and the instance's tokens have {}", listed(issuers)),
            "set `plan_gate.issuer` to the instance's Frontend API URL",
        ),
    }))
}
