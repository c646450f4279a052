//! The keys and secrets of a site, under the names in the shipped files.

use super::site::Site;
use crate::fakes::clerk::keys::KeyPair;
use crate::processes::envoy::EXAMPLE_CLERK_WEBHOOK_SECRET;
use crate::processes::gateway::WEBHOOK_SECRET;
use std::collections::BTreeMap;

/// Returns the environment variables that a user sets for the plugin.
pub(super) fn environment(site: &Site, names: &[&str]) -> BTreeMap<String, String> {
    let all = [
        ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
        ("CLERK_WEBHOOK_SIGNING_SECRET", EXAMPLE_CLERK_WEBHOOK_SECRET.to_owned()),
        ("CLERK_JWT_KEY", KeyPair::first().pem()),
        ("STRIPE_API_KEY", site.stripe.key().to_owned()),
        ("CLERK_SECRET_KEY", site.clerk.secret_key().to_owned()),
    ];
    all.into_iter()
        .filter(|(name, _)| names.contains(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
