//! The checked settings of the section `stripe_webhook`.

use super::billing::BillingSettings;
use super::document::webhook::{PLAN_KEY, SubjectKeys, WrittenPastDue, WrittenStripeWebhook};
use super::endpoint::{EndpointSettings, WrittenEndpoint};
use super::error::{Checked, ConfigError, Problems, field, quote};
use super::example::Example;
use super::past_due::past_due;
use super::secrets::Secrets;
use super::section::{NamedSection, Section, SharedValues};
use super::sync_settings::SyncSettings;
use super::upstream::{self, upstream};
use super::{clerk_webhook, names, note_keys};
use crate::secret::Secret;
use crate::stripe::plan::PastDue;
use crate::upstream::Upstream;

/// The maximum number of metadata keys of one kind.
const SUBJECT_KEYS_MAX: usize = 8;

/// The settings of the webhook filter.
#[derive(Clone, Debug)]
pub struct StripeWebhookSettings {
    /// The endpoint to which Stripe delivers events.
    pub(crate) endpoint: EndpointSettings,
    /// The only accepted mode of events, if set.
    pub(crate) livemode: Option<bool>,
    /// The signing secrets, any of which may have signed an event. At least one.
    pub(crate) signing_secrets: Vec<Secret>,
    /// The settings of the sync.
    pub sync: SyncSettings,
}

impl Section for StripeWebhookSettings {
    type Written<'a> = WrittenStripeWebhook<'a>;
    const OWN_PATHS: &'static [&'static str] = &["path"];
    const EXAMPLES: &'static [Example] = EXAMPLES;

    fn read(
        written: &WrittenStripeWebhook<'_>,
        shared: &SharedValues<'_>,
        secrets: Secrets<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let at = |name| field(Self::NAME, name);
        let endpoint = WrittenEndpoint {
            path: written.path,
            mode: written.mode,
            tolerance_s: written.tolerance_s,
            max_body_kb: written.max_body_kb,
        };
        let signing_secrets = secrets.signing(&written.signing_secrets, &at("signing_secrets"));
        let stripe_key = secrets.stripe_key(&shared.api_keys);
        let clerk_key = secrets.clerk_key(&shared.api_keys);
        let stripe = upstream(&written.stripe, &upstream::STRIPE, stripe_key, &at("stripe"), problems);
        let clerk = upstream(&written.clerk, &upstream::CLERK, clerk_key, &at("clerk"), problems);
        Some(StripeWebhookSettings {
            endpoint: endpoint.read(Self::NAME, problems),
            livemode: written.livemode,
            signing_secrets: problems.keep_or_default(signing_secrets),
            sync: sync_settings(Some(written), shared, stripe, clerk, problems),
        })
    }
}

/// Returns how subjects are synced: by the rules of `stripe_webhook`, or the default ones if the document has
/// no such section.
pub(super) fn sync_settings(
    written: Option<&WrittenStripeWebhook<'_>>,
    shared: &SharedValues<'_>,
    stripe: Upstream,
    clerk: Upstream,
    problems: &mut Problems,
) -> SyncSettings {
    let default_keys = SubjectKeys::default();
    let keys = written.map_or(&default_keys, |written| &written.subject_keys);
    let written_grace = written.map_or_else(WrittenPastDue::default, |written| written.past_due);
    let grace = past_due(written_grace, StripeWebhookSettings::NAME);
    SyncSettings {
        reads_stripe: shared.has_section::<StripeWebhookSettings>()
            || shared.has_section::<BillingSettings>(),
        clerk_billing: clerk_webhook::mirrored_billing(shared, problems),
        released_source: None,
        past_due: problems.keep(grace).unwrap_or(PastDue::Revoke),
        unmapped_price: written.map(|written| written.unmapped_price).unwrap_or_default(),
        subject_keys: problems.keep_or_default(subject_keys(keys)),
        client_reference_id: written.is_none_or(|written| written.client_reference_id),
        stripe,
        clerk,
        plan_key: problems.keep_or_default(plan_key(written.map_or(PLAN_KEY, |written| written.plan_key))),
        one_subscription: shared.has_own_path::<BillingSettings>(),
    }
}

fn subject_keys(written: &SubjectKeys) -> Checked<SubjectKeys> {
    let list = |keys: &[String], path| names::list(keys, SUBJECT_KEYS_MAX, path, subject_key);
    let user = list(&written.user, "stripe_webhook.subject_keys.user")?;
    let organization = list(&written.organization, "stripe_webhook.subject_keys.organization")?;
    if user.is_empty() && organization.is_empty() {
        let cure = "name at least one key, or leave `subject_keys` out";
        return Err(ConfigError::new("stripe_webhook.subject_keys", "has no key", cure));
    }
    if let Some((index, key)) = organization.iter().enumerate().find(|(_, key)| user.contains(key)) {
        let path = format!("stripe_webhook.subject_keys.organization[{index}]");
        let problem = format!("{} is also a key for users", quote(key));
        let cure = "a key holds either user ids or organization ids: remove it from one list";
        return Err(ConfigError::new(path, problem, cure));
    }
    Ok(SubjectKeys { user, organization })
}

fn subject_key(text: &str, path: &str) -> Checked<String> {
    if note_keys::ALL.contains(&text) {
        let problem = format!("{} is where Tollgate records the subject of a Checkout Session", quote(text));
        return Err(ConfigError::new(path, problem, "use a key that only your server writes"));
    }
    names::metadata_key(text, path)
}

fn plan_key(text: &str) -> Checked<String> {
    let path = "stripe_webhook.plan_key";
    if text == "subscription" {
        let problem = "\"subscription\" is the key of the subscription's status";
        return Err(ConfigError::new(path, problem, "use another key, like `plan`"));
    }
    names::name(text, path)
}

pub(super) const EXAMPLES: &[Example] = &[
    ("stripe_webhook", "path", "path: /webhooks/stripe"),
    ("subject_keys", "user", "user: [clerk_user_id]"),
    ("subject_keys", "organization", "organization: [clerk_org_id]"),
    ("*", "tolerance_s", "tolerance_s: 300"),
    ("*", "max_body_kb", "max_body_kb: 512"),
    ("*", "grace_days", "grace_days: 14"),
    ("*", "plan_key", "plan_key: plan"),
    (
        "*",
        "stripe_webhook",
        "stripe_webhook: {path: /webhooks/stripe, signing_secrets: {env: STRIPE_WEBHOOK_SECRET}, \
             stripe: {cluster: stripe_api}, clerk: {cluster: clerk_api}}",
    ),
    ("*", "signing_secrets", "signing_secrets: {env: STRIPE_WEBHOOK_SECRET}"),
    ("*", "past_due", "past_due: {grace_days: 14}, or keep, or revoke"),
    ("*", "subject_keys", "subject_keys: {user: [clerk_user_id], organization: [clerk_org_id]}"),
    ("*", "mode", "mode: respond"),
    ("*", "unmapped_price", "unmapped_price: keep"),
    ("*", "livemode", "livemode: true"),
    ("*", "client_reference_id", "true or false"),
];
