//! The document that is inspected, with all its sections.

use crate::auth::KeySource;
use crate::config::{
    self, BillingSettings, ClerkWebhookSettings, ConfigError, Configuration, NotPlans, PlanGateSettings,
    SECTION_NAMES, StripeWebhookSettings, SyncSettings, Upstream,
};
use crate::plan_table::PlanTable;
use crate::secret::Secret;
use crate::sync::SyncState;
use serde_json::Value;

/// A document, with the sections that it has.
#[derive(Debug)]
pub struct InspectedDocument {
    pub(super) plans: PlanTable,
    pub(super) not_plans: NotPlans,
    pub(super) stripe_webhook: Option<StripeWebhookSettings>,
    pub(super) clerk_webhook: Option<ClerkWebhookSettings>,
    pub(super) billing: Option<BillingSettings>,
    pub(super) gate: Option<PlanGateSettings>,
    /// The keys of session tokens; the error if this environment does not have them. `None` without a gate.
    pub(super) token_keys: Option<Result<KeySource, ConfigError>>,
    sync: Option<Configuration<SyncSettings>>,
}

/// The mode of an API key, by its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyMode {
    /// Live mode, or a production instance.
    Live,
    /// Test mode or a sandbox, or a development instance.
    Test,
}

impl InspectedDocument {
    /// Reads a document, with the API keys of this environment. Signing secrets are not needed.
    ///
    /// # Errors
    /// The first [`ConfigError`].
    pub fn read(document: &Value, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = document.to_string();
        let has = |name: &str| document.get(name).is_some();
        macro_rules! section {
            ($settings:ident) => {
                match has(<$settings as config::NamedSection>::NAME) {
                    true => Some(config::read_without_signing::<$settings>(text.as_bytes(), environment)?),
                    false => None,
                }
            };
        }
        let stripe_webhook = section!(StripeWebhookSettings);
        let clerk_webhook = section!(ClerkWebhookSettings);
        let billing = section!(BillingSettings);
        let gate = section!(PlanGateSettings);
        let token_keys = gate.as_ref().map(|_| {
            config::read::<PlanGateSettings>(text.as_bytes(), environment)
                .map(|read| read.section.tokens.keys)
        });
        let sync = stripe_webhook
            .clone()
            .map(|read| read.map_section(|section| section.sync))
            .or_else(|| billing.clone().map(|read| read.map_section(|section| section.sync)))
            .or_else(|| clerk_webhook.clone().map(|read| read.map_section(|section| section.sync)));
        let shared = [
            stripe_webhook.as_ref().map(|read| (&read.plans, &read.not_plans)),
            clerk_webhook.as_ref().map(|read| (&read.plans, &read.not_plans)),
            billing.as_ref().map(|read| (&read.plans, &read.not_plans)),
            gate.as_ref().map(|read| (&read.plans, &read.not_plans)),
        ];
        let Some((plans, not_plans)) = shared.into_iter().flatten().next() else {
            let problem = format!("has neither `{}`", SECTION_NAMES.join("` nor `"));
            return Err(*ConfigError::new("", problem, "add the section of a filter"));
        };
        Ok(InspectedDocument {
            plans: plans.clone(),
            not_plans: not_plans.clone(),
            stripe_webhook: stripe_webhook.map(|read| read.section),
            clerk_webhook: clerk_webhook.map(|read| read.section),
            billing: billing.map(|read| read.section),
            gate: gate.map(|read| read.section),
            token_keys,
            sync,
        })
    }

    /// Returns the two APIs, to be changed: the command calls them without Envoy's clusters.
    pub fn apis_mut(&mut self) -> Option<(&mut Upstream, &mut Upstream)> {
        let settings = &mut self.sync.as_mut()?.section;
        Some((&mut settings.stripe, &mut settings.clerk))
    }

    /// Returns the server of the key set of session tokens, to be changed; `None` if the gate fetches none.
    pub fn token_keys_mut(&mut self) -> Option<&mut Upstream> {
        match self.token_keys.as_mut()? {
            Ok(KeySource::Jwks { upstream, .. }) => Some(upstream),
            Ok(KeySource::Pem(_)) | Err(_) => None,
        }
    }

    /// Returns the plans.
    pub fn plans(&self) -> &PlanTable {
        &self.plans
    }

    /// Returns whether the document reads Stripe.
    pub fn reads_stripe(&self) -> bool {
        self.settings().is_some_and(|settings| settings.reads_stripe)
    }

    /// Returns the state of a sync by this document, which also looks for subjects with several
    /// subscriptions; `None` if the document syncs nothing.
    pub fn sync_state(&self) -> Option<SyncState> {
        let mut configuration = self.sync.clone()?;
        configuration.section.one_subscription = true;
        Some(SyncState::new(configuration))
    }

    /// Returns the settings of a sync.
    pub(super) fn settings(&self) -> Option<&SyncSettings> {
        self.sync.as_ref().map(|sync| &sync.section)
    }

    /// Returns the mode of the API key of Stripe, if its prefix shows it.
    pub(super) fn stripe_mode(&self) -> Option<KeyMode> {
        self.settings().filter(|settings| settings.reads_stripe).and_then(|settings| mode(&settings.stripe))
    }

    /// Returns the mode of Clerk's secret key, if its prefix shows it.
    pub(super) fn clerk_mode(&self) -> Option<KeyMode> {
        self.settings().and_then(|settings| mode(&settings.clerk))
    }
}

fn mode(upstream: &Upstream) -> Option<KeyMode> {
    let key = upstream.authorization.as_ref().map(Secret::expose)?;
    let (_, rest) = key.split_once('_')?;
    match rest.split('_').next() {
        Some("live") => Some(KeyMode::Live),
        Some("test") => Some(KeyMode::Test),
        _ => None,
    }
}
