//! The clusters that a document names, and the environment variables that it reads.

use crate::check::at;
use crate::check::filters::BILLING;
use crate::check::finding::{Finding, FindingKind, Location};
use crate::check::input::file::CheckedFile;
use crate::document::{self, FoundDocument, is_variable_name};
use serde_json::Value;

/// A cluster that a document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::check) struct Named {
    /// The location in the document: `stripe_webhook.stripe.cluster`.
    pub(in crate::check) location: Location,
    /// The name of the cluster.
    pub(in crate::check) cluster: String,
    /// The host that the calls are for; none for the rate limit service.
    pub(in crate::check) host: Option<String>,
}

impl Named {
    /// Returns whether calls through it need one of the API keys: not those for a key set or to the rate
    /// limit service.
    pub(in crate::check) fn needs_key(&self) -> bool {
        let api = ["stripe.cluster", "clerk.cluster", "confirm.cluster"];
        api.iter().any(|api| self.location.shown.ends_with(api))
    }

    /// Returns whether the calls are for Stripe's API.
    pub(in crate::check) fn is_for_stripe(&self) -> bool {
        self.location.shown.ends_with("stripe.cluster")
    }

    /// Returns the variables that may hold the key.
    pub(in crate::check) fn key_variables(&self) -> &'static [&'static str] {
        match self.is_for_stripe() {
            true => &["STRIPE_API_KEY", "STRIPE_SECRET_KEY"],
            false => &["CLERK_SECRET_KEY"],
        }
    }

    /// Returns the error about a cluster whose server has another name than the calls are for. `names` are those
    /// that the server's certificate may have, or those of the server.
    pub(in crate::check) fn wrong_host(&self, location: Location, names: &[&str]) -> Option<Finding> {
        let host = self.host.as_deref()?;
        let is_other = !names.is_empty() && names.iter().all(|name| !name.eq_ignore_ascii_case(host));
        is_other.then(|| {
            let text = format!(
                "this is {}, and {} calls {host} through it: write {host} here, or name another cluster there",
                names.join(" or "),
                self.location.shown
            );
            Finding::new(FindingKind::WrongHost, location, text)
        })
    }

    /// Returns whether secrets, and responses that decide about money, pass through it. The rate limit
    /// service is usually in the same network.
    pub(in crate::check) fn needs_tls(&self) -> bool {
        !self.location.shown.starts_with("plan_gate.store")
    }
}

/// Returns the host that the calls through a cluster are for, without its port.
fn host(document: &Value, cluster: &str) -> Option<String> {
    let upstream = cluster.strip_suffix("/cluster")?;
    let given = at(document, &format!("{upstream}/authority")).as_str();
    let authority = given.or_else(|| match upstream {
        _ if upstream.ends_with("/stripe") => Some("api.stripe.com"),
        _ if upstream.ends_with("/clerk") || upstream.ends_with("/confirm") => Some("api.clerk.com"),
        _ if upstream.ends_with("/jwks") => {
            let issuer = at(document, "/plan_gate/issuer").as_str()?;
            issuer.split_once("://")?.1.split('/').next()
        }
        _ => None,
    })?;
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let host =
        authority.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(authority, |(host, _)| host);
    Some(host.to_owned())
}

/// Returns each cluster that documents name for a host, once.
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
            let host = host(&found.document, pointer);
            if named.iter().all(|before| (before.cluster.as_str(), &before.host) != (cluster, &host)) {
                let location = file.base(&found.location).at(location);
                named.push(Named { location, cluster: cluster.to_owned(), host });
            }
        }
    }
    named
}

/// Returns the variables that the filter reads and that it would not see: those of its section and, for the
/// billing endpoints, the keys of `plan_gate`. What is no name of a variable is an error of the document.
pub(in crate::check) fn unseen(filter: &str, document: &Value, passed: &[&str]) -> Vec<String> {
    let mut unseen: Vec<String> = Vec::new();
    let keys = (filter == BILLING).then(|| at(document, "/plan_gate/keys"));
    for read in [Some(&document[filter]), keys].into_iter().flatten() {
        document::walk(read, "", &mut |location, value| {
            if location.rsplit('.').next() == Some("env") {
                let names = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                let names = names.iter().filter_map(Value::as_str).filter(|name| is_variable_name(name));
                unseen.extend(names.filter(|name| !passed.contains(name)).map(str::to_owned));
            }
            true
        });
    }
    unseen
}
