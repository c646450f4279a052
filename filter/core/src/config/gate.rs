//! The checked settings of the section `plan_gate`.

use super::clerk_webhook::{self, ClerkWebhookSettings};
use super::document::gate::{
    Cors, IdentityHeader, OnError, RateLimitHeaders, SubjectKind, Unmatched, WrittenPlanClaims,
    WrittenPlanGate, WrittenStore,
};
use super::error::{Checked, ConfigError, Problems, field, item, quote};
use super::example::Example;
use super::rules::{self, PathMatch, Rule};
use super::secrets::Secrets;
use super::section::{NamedSection, OwnPath, PathOfOther, Section, SharedValues};
use super::tokens::{self, TokenSettings};
use super::upstream::{self, upstream};
use super::webhook::StripeWebhookSettings;
use super::{address, names};
use crate::clerk::plan_claim::ClaimSource;
use crate::ids::Subject;
use crate::stripe::plan::PastDue;
use crate::upstream::Upstream;
use std::time::Duration;

/// The maximum number of claims that may hold a plan.
const CLAIMS_MAX: usize = 16;

/// The maximum number of names in one claim's path.
const CLAIM_PARTS_MAX: usize = 8;

/// The longest path of a claim, in bytes.
const CLAIM_BYTES_MAX: usize = 200;

/// The maximum memory for the counters of signed-in callers, in megabytes: ten million subjects.
const LOCAL_MEMORY_MB_MAX: u64 = 1_000;

/// The settings of the gate.
#[derive(Clone, Debug)]
pub struct PlanGateSettings {
    /// The rules for session tokens.
    pub tokens: TokenSettings,
    /// The subject of the plan, of the counters, and of the confirmation.
    pub(crate) subject: SubjectKind,
    /// The claims that hold the plan.
    pub plan_claims: PlanClaims,
    /// The rules, of which the first that matches applies.
    pub(crate) rules: Vec<Rule>,
    /// Whether routes may name the rule of their requests. Reading a route's metadata is the most expensive
    /// of the host calls for a request.
    pub(crate) rules_by_route: bool,
    /// The treatment of requests that match no rule.
    pub(crate) unmatched: Unmatched,
    /// The path where clients read their plan and what is left of it.
    pub usage_path: Option<String>,
    /// The page where a refused client can get a higher plan.
    pub(crate) upgrade_url: Option<String>,
    /// The status of a refusal that a higher plan would lift: 403 or 402.
    pub(crate) plan_required_status: u16,
    /// The header fields that carry the caller's identity to the upstream, each once.
    pub(crate) identity_headers: Vec<IdentityHeader>,
    /// The header fields that show clients what is left.
    pub(crate) rate_limit_headers: RateLimitHeaders,
    /// Whether browser pages of the authorized parties may read the gate's replies and header fields.
    pub(crate) cors: bool,
    /// Whether the gate decides, logs, and counts, but refuses nothing.
    pub(crate) shadow: bool,
    /// The settings for reading the plan from Clerk before a refusal that a higher plan would lift.
    pub(crate) confirm: Option<ConfirmSettings>,
    /// The store of the counters.
    pub(crate) store: StoreConfig,
    /// The paths to which other filters respond, where the gate requires no token.
    pub(crate) paths_of_others: Vec<PathOfOther>,
    /// Whether the filter of Stripe's webhooks has a path, so that it sets its own header fields.
    pub(crate) stripe_webhook_has_path: bool,
    /// Whether the filter of Clerk's webhooks has a path, so that it sets its own header fields.
    pub(crate) clerk_webhook_has_path: bool,
    /// The key of the plan in `public_metadata`.
    pub(crate) plan_key: String,
}

/// The settings for reading the plan from Clerk before a refusal that a higher plan would lift.
#[derive(Clone, Debug)]
pub(crate) struct ConfirmSettings {
    /// Clerk's Backend API. Its base path contains `/v1`.
    pub(crate) clerk: Upstream,
    /// The rule for items of Clerk Billing with a failed payment, if the claims have Clerk Billing's plans.
    pub(crate) past_due: PastDue,
}

/// The claims of a token that hold the plan: the first that is present and not null counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanClaims {
    /// The claims with a user's plan.
    pub(crate) user: Vec<ClaimSource>,
    /// The claims with an organization's plan.
    pub(crate) organization: Vec<ClaimSource>,
}

impl PlanClaims {
    /// Returns whether a claim of Clerk Billing is among them.
    fn have_clerk_billing(&self) -> bool {
        self.user.iter().chain(&self.organization).any(|claim| *claim == ClaimSource::ClerkBilling)
    }

    /// Returns the claims that may hold the plan of `subject`.
    pub fn sources(&self, subject: &Subject) -> &[ClaimSource] {
        match subject {
            Subject::User(_) => &self.user,
            Subject::Organization(_) => &self.organization,
        }
    }
}

/// The store of the counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// The shared data of this Envoy process.
    Local {
        /// The maximum memory for the counters of signed-in callers, in megabytes.
        memory_mb: u64,
    },
    /// envoyproxy/ratelimit.
    Ratelimit {
        /// The cluster's name in Envoy's configuration.
        cluster: String,
        /// The domain in the service's configuration.
        domain: String,
        /// The timeout of one call.
        timeout: Duration,
        /// The treatment of requests when a call fails.
        on_error: OnError,
    },
}

impl Section for PlanGateSettings {
    type Written<'a> = WrittenPlanGate<'a>;
    const OWN_PATHS: &'static [&'static str] = &["usage_path"];
    const EXAMPLES: &'static [Example] = EXAMPLES;

    fn read(
        written: &WrittenPlanGate<'_>,
        shared: &SharedValues<'_>,
        secrets: Secrets<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        // Rules can only be checked against plans without errors.
        let (plans, _) = shared.plans.as_ref()?;
        let upgrade_url =
            written.upgrade_url.map(|url| address::url(url, "plan_gate.upgrade_url")).transpose();
        let plan_claims = plan_claims(&written.plan_claims, written.subject, shared.plan_key, problems);
        let confirm = written.confirm.as_ref().map(|written| {
            let key = secrets.clerk_key(&shared.api_keys);
            let clerk = upstream(written, &upstream::CONFIRM, key, "plan_gate.confirm", problems);
            // Only the grace period of Clerk Billing's plans depends on another section.
            let past_due = match plan_claims.have_clerk_billing() {
                true => clerk_webhook::clerk_past_due(shared, problems),
                false => PastDue::Revoke,
            };
            ConfirmSettings { clerk, past_due }
        });
        let rules = rules::rules(&written.rules, plans, &shared.own_paths, problems);
        Some(PlanGateSettings {
            tokens: tokens::token_settings(written, shared, secrets, problems),
            subject: written.subject,
            plan_claims,
            rules_by_route: written.rules_by_route || rules.iter().any(|rule| rule.path == PathMatch::Any),
            rules,
            unmatched: written.unmatched,
            usage_path: problems.keep_or_default(usage_path(written, shared)),
            upgrade_url: problems.keep_or_default(upgrade_url),
            plan_required_status: problems
                .keep_or_default(plan_required_status(written.plan_required_status)),
            identity_headers: problems.keep_or_default(identity_headers(written)),
            rate_limit_headers: written.rate_limit_headers,
            cors: written.cors == Cors::AuthorizedParties,
            shadow: written.shadow,
            confirm,
            store: store(written, problems),
            paths_of_others: shared.paths_of_others::<Self>(),
            stripe_webhook_has_path: shared.has_own_path::<StripeWebhookSettings>(),
            clerk_webhook_has_path: shared.has_own_path::<ClerkWebhookSettings>(),
            plan_key: shared.plan_key.to_owned(),
        })
    }
}

fn plan_claims(
    written: &WrittenPlanClaims<'_>,
    subject: SubjectKind,
    key: &str,
    problems: &mut Problems,
) -> PlanClaims {
    const USER: [&str; 5] = ["public_metadata.", "metadata.", "publicMetadata.", "user.public_metadata.", ""];
    const ORGANIZATION: [&str; 2] = ["org_public_metadata.", "organization.public_metadata."];
    const AT: &str = "plan_gate.plan_claims";
    let paths = |written: &Option<Vec<&str>>, usual: &[&str]| match written {
        Some(paths) => paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>(),
        None => usual.iter().map(|parent| [parent, key].concat()).collect(),
    };
    let (user, organization) = (paths(&written.user, &USER), paths(&written.organization, &ORGANIZATION));
    let user = claims(&user, subject != SubjectKind::Organization, &field(AT, "user"));
    let organization = claims(&organization, subject != SubjectKind::User, &field(AT, "organization"));
    PlanClaims { user: problems.keep_or_default(user), organization: problems.keep_or_default(organization) }
}

fn claims(written: &[String], needed: bool, path: &str) -> Checked<Vec<ClaimSource>> {
    if written.is_empty() && needed {
        let problem = "has no claim, so that every caller would have the default plan";
        return Err(ConfigError::new(path, problem, "leave it out to use the default claims"));
    }
    let written = names::list(written, CLAIMS_MAX, path, claim)?;
    let source = |text: String| match text.as_str() {
        "clerk_billing" => ClaimSource::ClerkBilling,
        path => ClaimSource::Path(path.split('.').map(str::to_owned).collect()),
    };
    Ok(written.into_iter().map(source).collect())
}

/// Checks the path of a claim. Users can write their own `unsafe_metadata`, so it must not hold the plan.
fn claim(text: &str, path: &str) -> Checked<String> {
    let is_unsafe =
        |part: &str| ["unsafe_metadata", "unsafeMetadata"].iter().any(|name| part.eq_ignore_ascii_case(name));
    if text.split('.').any(is_unsafe) {
        let problem = format!("{} can be written by users themselves", quote(text));
        let cure =
            "write the plan to `public_metadata`, which only your server can change, and read it from there";
        return Err(ConfigError::new(path, problem, cure));
    }
    let whole = text.len() <= CLAIM_BYTES_MAX && text.split('.').count() <= CLAIM_PARTS_MAX;
    if whole && text.split('.').all(|part| !part.is_empty() && !part.contains(char::is_whitespace)) {
        return Ok(text.to_owned());
    }
    let cure =
        format!("write at most {CLAIM_PARTS_MAX} parts with dots between, like `public_metadata.plan`");
    Err(ConfigError::new(path, format!("{} is not the path of a claim", quote(text)), cure))
}

fn usage_path(written: &WrittenPlanGate<'_>, shared: &SharedValues<'_>) -> Checked<Option<String>> {
    const PATH: &str = "plan_gate.usage_path";
    let Some(text) = written.usage_path else { return Ok(None) };
    let usage_path = address::path(text, PATH)?;
    let own = OwnPath {
        section: PlanGateSettings::NAME,
        field: "usage_path",
        path: &usage_path,
        has_paths_below: false,
    };
    shared.check_not_taken(&own)?;
    Ok(Some(usage_path))
}

fn plan_required_status(status: u64) -> Checked<u16> {
    match status {
        402 => Ok(402),
        403 => Ok(403),
        _ => {
            let problem = format!("{status} is not supported");
            Err(ConfigError::new("plan_gate.plan_required_status", problem, "use 403 or 402"))
        }
    }
}

fn identity_headers(written: &WrittenPlanGate<'_>) -> Checked<Vec<IdentityHeader>> {
    const PATH: &str = "plan_gate.identity_headers";
    let mut checked = Vec::new();
    for (index, header) in written.identity_headers.iter().enumerate() {
        if checked.contains(header) {
            return Err(ConfigError::new(item(PATH, index), "appears twice", "remove one"));
        }
        checked.push(*header);
    }
    Ok(checked)
}

fn store(written: &WrittenPlanGate<'_>, problems: &mut Problems) -> StoreConfig {
    const AT: &str = "plan_gate.store.ratelimit";
    const MEMORY: &str = "plan_gate.local_memory_mb";
    let memory = names::between(written.local_memory_mb, 1..=LOCAL_MEMORY_MB_MAX, "megabytes", MEMORY);
    let memory_mb = problems.keep_or_default(memory);
    let WrittenStore::Ratelimit(written) = &written.store else { return StoreConfig::Local { memory_mb } };
    StoreConfig::Ratelimit {
        cluster: problems.keep_or_default(address::cluster(written.cluster, &field(AT, "cluster"))),
        domain: problems.keep_or_default(names::name(written.domain, &field(AT, "domain"))),
        timeout: problems.keep_or_default(upstream::timeout(written.timeout_ms, &field(AT, "timeout_ms"))),
        on_error: written.on_error,
    }
}

pub(super) const EXAMPLES: &[Example] = &[
    ("jwks", "path", "path: /.well-known/jwks.json"),
    ("rules", "path", "path: /reports/daily"),
    ("require", "plan", "require: {plan: pro}"),
    ("plan_claims", "user", "user: [public_metadata.plan, metadata.plan]"),
    ("plan_claims", "organization", "organization: [org_public_metadata.plan]"),
    ("rules", "name", "name: ask"),
    ("ratelimit", "cluster", "cluster: ratelimit"),
    ("*", "issuer", "issuer: https://clerk.example.com"),
    ("*", "authorized_parties", "authorized_parties: [https://app.example.com]"),
    ("*", "audience", "audience: [https://api.example.com]"),
    ("*", "clock_skew_s", "clock_skew_s: 5"),
    ("*", "local_memory_mb", "local_memory_mb: 97"),
    ("*", "path_prefix", "path_prefix: /ask"),
    ("*", "methods", "methods: [GET, POST]"),
    ("*", "host", "host: api.example.com"),
    ("*", "limit", "limit: asks"),
    ("*", "cost", "cost: 1"),
    ("*", "feature", "feature: priority_support"),
    ("*", "anonymous", "anonymous: deny, or the name of a plan"),
    ("*", "usage_path", "usage_path: /usage"),
    ("*", "upgrade_url", "upgrade_url: https://app.example.com/pricing"),
    ("*", "plan_required_status", "plan_required_status: 403"),
    ("*", "domain", "domain: tollgate"),
    (
        "*",
        "plan_gate",
        "plan_gate: {issuer: https://clerk.example.com, keys: {pem: {env: CLERK_JWT_KEY}}, \
             authorized_parties: [https://app.example.com], rules: [{name: ask, path_prefix: /ask, limit: asks}]}",
    ),
    ("*", "keys", "keys: {pem: {env: CLERK_JWT_KEY}}, or keys: {jwks: {cluster: clerk_frontend}}"),
    ("*", "pem", "pem: {env: CLERK_JWT_KEY}"),
    ("*", "jwks", "jwks: {cluster: clerk_frontend}"),
    ("*", "plan_claims", "plan_claims: {user: [public_metadata.plan]}"),
    ("*", "rules", "rules: [{name: ask, path_prefix: /ask, limit: asks}]"),
    ("*", "require", "require: {plan: pro}, or require: {feature: priority_support}"),
    ("*", "confirm", "confirm: {cluster: clerk_api}"),
    ("*", "store", "store: local, or store: {ratelimit: {cluster: ratelimit}}"),
    ("*", "ratelimit", "ratelimit: {cluster: ratelimit}"),
    ("*", "subject", "subject: user"),
    ("*", "unmatched", "unmatched: require_token"),
    ("*", "identity_headers", "identity_headers: [user, plan]"),
    ("*", "rate_limit_headers", "rate_limit_headers: both"),
    ("*", "cors", "cors: authorized_parties"),
    ("*", "on_error", "on_error: allow"),
    ("*", "cookie", "true or false"),
    ("*", "shadow", "true or false"),
    ("*", "require_azp", "true or false"),
];
