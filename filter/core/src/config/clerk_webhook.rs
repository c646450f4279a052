//! The checked settings of the section `clerk_webhook`.

use super::billing::BillingSettings;
use super::document::WrittenUpstream;
use super::document::billing::WrittenBilling;
use super::document::clerk_webhook::{WrittenClerkBilling, WrittenClerkWebhook, WrittenOnDeleted};
use super::document::webhook::{WrittenPastDue, WrittenStripeWebhook};
use super::endpoint::{EndpointSettings, WrittenEndpoint};
use super::error::{Checked, ConfigError, Problems, field, quote};
use super::example::{self, Example};
use super::past_due::past_due;
use super::secrets::Secrets;
use super::section::{NamedSection, OwnPath, Section, SharedValues};
use super::sync_settings::SyncSettings;
use super::upstream::{self, upstream};
use super::webhook::StripeWebhookSettings;
use super::{typed, webhook};
use crate::clerk::signing_key::SigningKey;
use crate::ids::InstanceId;
use crate::stripe::plan::PastDue;
use crate::upstream::Upstream;

/// The settings of the filter for Clerk's webhooks.
#[derive(Clone, Debug)]
pub struct ClerkWebhookSettings {
    /// The endpoint to which Clerk delivers events.
    pub(crate) endpoint: EndpointSettings,
    /// The keys, any of which may have signed an event. At least one.
    pub(crate) signing_keys: Vec<SigningKey>,
    /// The only accepted instance, if set.
    pub(crate) instance: Option<InstanceId>,
    /// The handling of the Stripe subscriptions of a deleted user or organization.
    pub(crate) on_deleted: DeletedSubjects,
    /// The settings of the sync.
    pub sync: SyncSettings,
}

/// The handling of the Stripe subscriptions of a deleted user or organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeletedSubjects {
    /// They stay.
    Keep,
    /// They are canceled by the API of the sync's settings, which is then that of this section.
    Cancel(CancellationTime),
}

/// The time at which a canceled subscription ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CancellationTime {
    /// Immediately.
    Now,
    /// At the end of the paid period.
    PeriodEnd,
}

impl Section for ClerkWebhookSettings {
    type Written<'a> = WrittenClerkWebhook<'a>;
    const OWN_PATHS: &'static [&'static str] = &["path"];
    const EXAMPLES: &'static [Example] = EXAMPLES;

    fn read(
        written: &WrittenClerkWebhook<'_>,
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
        let endpoint = endpoint.read(Self::NAME, problems);
        let own =
            OwnPath { section: Self::NAME, field: "path", path: &endpoint.path, has_paths_below: false };
        problems.keep(shared.check_not_taken(&own));
        let signing_keys = secrets.clerk_signing(&written.signing_secrets, &at("signing_secrets"));
        let clerk_key = secrets.clerk_key(&shared.api_keys);
        let clerk = upstream(&written.clerk, &upstream::CLERK, clerk_key, &at("clerk"), problems);
        let stripe_webhook = typed::from_section::<WrittenStripeWebhook<'_>>(
            shared.document,
            StripeWebhookSettings::NAME,
            StripeWebhookSettings::EXAMPLES,
        );
        let stripe_webhook = stripe_webhook.and_then(|written| problems.keep(written));
        let stripe = stripe(written, stripe_webhook.as_ref(), shared, secrets, problems);
        Some(ClerkWebhookSettings {
            endpoint,
            signing_keys: problems.keep_or_default(signing_keys),
            instance: problems.keep_or_default(written.instance.map(instance).transpose()),
            on_deleted: problems.keep(on_deleted(written)).unwrap_or(DeletedSubjects::Keep),
            sync: webhook::sync_settings(
                stripe_webhook.as_ref(),
                shared,
                stripe.unwrap_or_default(),
                clerk,
                problems,
            ),
        })
    }
}

/// Returns what an item of Clerk Billing with a failed payment grants; `None` if the document does not mirror
/// the plans of Clerk Billing.
pub(super) fn mirrored_billing(shared: &SharedValues<'_>, problems: &mut Problems) -> Option<PastDue> {
    let written = written(shared, problems)?;
    (written.billing == WrittenClerkBilling::Mirror).then(|| grace(written.past_due, problems))
}

/// Returns what an item of Clerk Billing with a failed payment grants, whether or not its plans are mirrored.
pub(super) fn clerk_past_due(shared: &SharedValues<'_>, problems: &mut Problems) -> PastDue {
    let written = written(shared, problems).map(|section| section.past_due);
    grace(written.unwrap_or_default(), problems)
}

fn grace(written: WrittenPastDue, problems: &mut Problems) -> PastDue {
    problems.keep(past_due(written, ClerkWebhookSettings::NAME)).unwrap_or(PastDue::Revoke)
}

/// Returns the section as written, for the sections that it concerns too.
fn written<'a>(shared: &SharedValues<'a>, problems: &mut Problems) -> Option<WrittenClerkWebhook<'a>> {
    let written = typed::from_section(shared.document, ClerkWebhookSettings::NAME, EXAMPLES)?;
    problems.keep(written)
}

/// Returns Stripe's API: of this section or, if it has none, of another that calls Stripe.
fn stripe(
    written: &WrittenClerkWebhook<'_>,
    stripe_webhook: Option<&WrittenStripeWebhook<'_>>,
    shared: &SharedValues<'_>,
    secrets: Secrets<'_>,
    problems: &mut Problems,
) -> Option<Upstream> {
    let key = secrets.stripe_key(&shared.api_keys);
    let read = |written: &WrittenUpstream<'_>, section, problems: &mut Problems| {
        upstream(written, &upstream::STRIPE, key.clone(), &field(section, "stripe"), problems)
    };
    match (&written.stripe, stripe_webhook) {
        (Some(stripe), _) => Some(read(stripe, ClerkWebhookSettings::NAME, problems)),
        (None, Some(section)) => Some(read(&section.stripe, StripeWebhookSettings::NAME, problems)),
        (None, None) => {
            let (name, examples) = (BillingSettings::NAME, BillingSettings::EXAMPLES);
            let billing = typed::from_section::<WrittenBilling<'_>>(shared.document, name, examples)?;
            Some(read(&problems.keep(billing)?.stripe, name, problems))
        }
    }
}

fn instance(text: &str) -> Checked<InstanceId> {
    InstanceId::parse(text).map_err(|error| {
        let problem = format!("{} is not the id of an instance: {error}", quote(text));
        ConfigError::new("clerk_webhook.instance", problem, "copy it from an event's `instance_id`")
    })
}

/// Checks what happens to a deleted subject's subscriptions. Nothing is canceled by an event whose instance
/// is not known: keys of another instance would not know the subject either.
fn on_deleted(written: &WrittenClerkWebhook<'_>) -> Checked<DeletedSubjects> {
    let (at, name) = match written.on_deleted {
        WrittenOnDeleted::Keep => return Ok(DeletedSubjects::Keep),
        WrittenOnDeleted::Cancel => (CancellationTime::Now, "cancel"),
        WrittenOnDeleted::CancelAtPeriodEnd => (CancellationTime::PeriodEnd, "cancel_at_period_end"),
    };
    let needs = |field_name: &str, reason: &str| {
        let path = field(ClerkWebhookSettings::NAME, field_name);
        let problem = format!("missing, but `on_deleted: {name}` {reason}");
        ConfigError::new(&path, problem, example::cure(&path, EXAMPLES))
    };
    if written.instance.is_none() {
        return Err(needs("instance", "must know whose users are deleted"));
    }
    match &written.stripe {
        Some(_) => Ok(DeletedSubjects::Cancel(at)),
        None => Err(needs("stripe", "cancels subscriptions there")),
    }
}

const EXAMPLES: &[Example] = &[
    ("clerk_webhook", "path", "path: /webhooks/clerk"),
    ("*", "tolerance_s", "tolerance_s: 300"),
    ("*", "max_body_kb", "max_body_kb: 512"),
    ("*", "grace_days", "grace_days: 14"),
    (
        "*",
        "clerk_webhook",
        "clerk_webhook: {path: /webhooks/clerk, signing_secrets: {env: CLERK_WEBHOOK_SIGNING_SECRET}, \
             clerk: {cluster: clerk_api}}",
    ),
    ("signing_secrets", "env", "env: CLERK_WEBHOOK_SIGNING_SECRET"),
    ("*", "signing_secrets", "signing_secrets: {env: CLERK_WEBHOOK_SIGNING_SECRET}"),
    ("*", "past_due", "past_due: {grace_days: 14}, or keep, or revoke"),
    ("*", "mode", "mode: respond"),
    ("*", "instance", "instance: ins_123"),
    ("*", "billing", "billing: mirror"),
    ("*", "on_deleted", "on_deleted: keep"),
];
