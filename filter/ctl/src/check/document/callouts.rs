//! The clusters that a document names, and the environment variables that it reads.

use crate::check::finding::Location;
use crate::check::input::file::CheckedFile;
use crate::check::{BILLING, at};
use crate::document::{self, FoundDocument};
use serde_json::Value;

/// A cluster that a document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::check) struct Named {
    /// The location in the document: `stripe_webhook.stripe.cluster`.
    pub(in crate::check) location: Location,
    /// The name of the cluster.
    pub(in crate::check) cluster: String,
}

impl Named {
    /// Returns whether calls through it need one of the API keys: not those for a key set or to the rate
    /// limit service.
    pub(in crate::check) fn needs_key(&self) -> bool {
        let api = ["stripe.cluster", "clerk.cluster", "confirm.cluster"];
        api.iter().any(|api| self.location.shown.ends_with(api))
    }

    /// Returns the variables that may hold the key.
    pub(in crate::check) fn key_variables(&self) -> &'static [&'static str] {
        match self.location.shown.ends_with("stripe.cluster") {
            true => &["STRIPE_API_KEY", "STRIPE_SECRET_KEY"],
            false => &["CLERK_SECRET_KEY"],
        }
    }

    /// Returns whether secrets, and responses that decide about money, pass through it. The rate limit
    /// service is usually in the same network.
    pub(in crate::check) fn needs_tls(&self) -> bool {
        !self.location.shown.starts_with("plan_gate.store")
    }
}

/// Returns each cluster that documents name, once.
pub(in crate::check) fn clusters<'a>(
    documents: impl Iterator<Item = (&'a CheckedFile, &'a FoundDocument)>,
) -> Vec<Named> {
    let mut named: Vec<Named> = Vec::new();
    for (file, found) in documents {
        for (location, pointer) in [
            ("stripe_webhook.stripe.cluster", "/stripe_webhook/stripe/cluster"),
            ("stripe_webhook.clerk.cluster", "/stripe_webhook/clerk/cluster"),
            ("clerk_webhook.stripe.cluster", "/clerk_webhook/stripe/cluster"),
            ("clerk_webhook.clerk.cluster", "/clerk_webhook/clerk/cluster"),
            ("billing.stripe.cluster", "/billing/stripe/cluster"),
            ("billing.clerk.cluster", "/billing/clerk/cluster"),
            ("plan_gate.confirm.cluster", "/plan_gate/confirm/cluster"),
            ("plan_gate.keys.jwks.cluster", "/plan_gate/keys/jwks/cluster"),
            ("plan_gate.store.ratelimit.cluster", "/plan_gate/store/ratelimit/cluster"),
        ] {
            let Some(cluster) = found.document.pointer(pointer).and_then(Value::as_str) else { continue };
            if named.iter().all(|before| before.cluster != cluster) {
                let location = file.base(&found.location).at(location);
                named.push(Named { location, cluster: cluster.to_owned() });
            }
        }
    }
    named
}

/// Returns the variables that the filter reads and that it would not see: those of its section and, for the
/// billing endpoints, the keys of `plan_gate`.
pub(in crate::check) fn unseen(filter: &str, document: &Value, passed: &[&str]) -> Vec<String> {
    let mut unseen: Vec<String> = Vec::new();
    let keys = (filter == BILLING).then(|| at(document, "/plan_gate/keys"));
    for read in [Some(&document[filter]), keys].into_iter().flatten() {
        document::walk(read, "", &mut |location, value| {
            if location.rsplit('.').next() == Some("env") {
                let names = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                let names = names.iter().filter_map(Value::as_str);
                unseen.extend(names.filter(|name| !passed.contains(name)).map(str::to_owned));
            }
            true
        });
    }
    unseen
}
