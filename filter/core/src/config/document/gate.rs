//! The section `plan_gate` as it is written.

use super::{FromEnvironment, WrittenUpstream};
use serde::Deserialize;

/// The filter that turns the plan in a session token into enforced limits.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub struct PlanGate<'a> {
    /// Who issues the session tokens: the Frontend API URL of the Clerk instance, without a slash at its end.
    pub(crate) issuer: &'a str,
    /// The keys that session tokens are verified with.
    pub(crate) keys: WrittenKeys<'a>,
    /// The origins whose tokens are taken (`azp`).
    #[serde(default)]
    pub(crate) authorized_parties: Vec<&'a str>,
    /// Whether a token must name the origin it was made for. Those of native clients may not.
    #[serde(default = "yes")]
    pub(crate) require_azp: bool,
    /// The audiences of which a token must name one; none if left out.
    #[serde(default)]
    pub(crate) audience: Vec<&'a str>,
    /// How far the clocks of Clerk and of the gateway may be apart, in seconds.
    #[serde(default = "clock_skew_s")]
    pub(crate) clock_skew_s: u64,
    /// Whether the token may also come in Clerk's session cookie.
    #[serde(default = "yes")]
    pub(crate) cookie: bool,
    /// Whose plan, whose counter, whom to confirm.
    #[serde(default)]
    pub(crate) subject: SubjectKind,
    /// Where in a token the plan is.
    #[serde(default)]
    pub(crate) plan_claims: WrittenPlanClaims<'a>,
    /// What is guarded, and how. The first rule that matches wins.
    #[serde(default)]
    pub(crate) rules: Vec<WrittenRule<'a>>,
    /// What happens to requests that no rule matches.
    #[serde(default)]
    pub(crate) unmatched: Unmatched,
    /// An exact path at which clients read their plan and what is left of it.
    pub(crate) usage_path: Option<&'a str>,
    /// Where a refused client can get a higher plan.
    pub(crate) upgrade_url: Option<&'a str>,
    /// The status of a refusal that a higher plan would lift: 403 or 402.
    #[serde(default = "plan_required_status")]
    pub(crate) plan_required_status: u64,
    /// Which header fields tell the upstream who calls. Those of the same names that a client sends are removed in any
    /// case.
    #[serde(default = "identity_headers")]
    pub(crate) identity_headers: Vec<IdentityHeader>,
    /// Which header fields tell clients what is left.
    #[serde(default)]
    pub(crate) rate_limit_headers: RateLimitHeaders,
    /// Which origins may read the gate's own replies and header fields.
    #[serde(default)]
    pub(crate) cors: Cors,
    /// Decide, log and count, but refuse nothing.
    #[serde(default)]
    pub(crate) shadow: bool,
    /// Clerk's Backend API, asked before a refusal that a higher plan would lift.
    pub(crate) confirm: Option<WrittenUpstream<'a>>,
    /// Where it is counted.
    #[serde(default)]
    pub(crate) store: WrittenStore<'a>,
    /// How much memory the counters of signed-in callers may take in the `local` store, in megabytes. Those of
    /// anonymous callers take a quarter of that besides.
    #[serde(default = "local_memory_mb")]
    pub(crate) local_memory_mb: u64,
}

fn local_memory_mb() -> u64 {
    crate::quota::table::SIGNED_IN_MB
}

fn yes() -> bool {
    true
}

fn clock_skew_s() -> u64 {
    5
}

fn plan_required_status() -> u64 {
    403
}

fn identity_headers() -> Vec<IdentityHeader> {
    use IdentityHeader::{Organization, Plan, Session, User};
    vec![User, Organization, Session, Plan]
}

/// The keys that session tokens are verified with.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Keys"))]
#[serde(rename_all = "snake_case", bound = "'de: 'a")]
pub(crate) enum WrittenKeys<'a> {
    /// Public keys in PEM, from the environment: no network is needed.
    Pem(FromEnvironment<'a>),
    /// The instance's JSON Web Key Set.
    Jwks(Jwks<'a>),
}

/// Where the instance's JSON Web Key Set is.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct Jwks<'a> {
    /// The cluster's name in Envoy's configuration.
    pub(crate) cluster: &'a str,
    /// Host, and port if it is not 443. The issuer's if left out.
    pub(crate) authority: Option<&'a str>,
    /// The path of the set. If left out, `/.well-known/jwks.json` below the issuer's path.
    pub(crate) path: Option<&'a str>,
    /// How long one call may take, in milliseconds. If left out, 2000.
    pub(crate) timeout_ms: Option<u64>,
}

/// Whose plan it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum SubjectKind {
    /// The user's.
    #[default]
    User,
    /// The active organization's; without one the request is refused.
    Organization,
    /// The active organization's, else the user's.
    OrganizationOrUser,
}

/// Where in a token the plan is. The first path that is present and not null counts; `clerk_billing` reads what
/// Clerk Billing puts there.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PlanClaims"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct WrittenPlanClaims<'a> {
    /// A user's plan: paths of claims, their parts separated by dots.
    pub(crate) user: Option<Vec<&'a str>>,
    /// An organization's plan.
    pub(crate) organization: Option<Vec<&'a str>>,
}

/// What is asked of a request. A rule without `require` and `limit` asks for a valid token, nothing more.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Rule"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct WrittenRule<'a> {
    /// Its name, in metrics, and in a route's `metadata.filter_metadata.tollgate.rule`.
    pub(crate) name: &'a str,
    /// Matches exactly this path.
    pub(crate) path: Option<&'a str>,
    /// Matches this path and all below it, by whole segments: `/ask` and `/ask/x`, not `/asking`.
    pub(crate) path_prefix: Option<&'a str>,
    /// Matches only these methods.
    pub(crate) methods: Option<Vec<&'a str>>,
    /// Matches only this host, whatever the port.
    pub(crate) host: Option<&'a str>,
    /// The plan or the feature that is needed.
    pub(crate) require: Option<Require<'a>>,
    /// The limit that a request counts against.
    pub(crate) limit: Option<&'a str>,
    /// How much a request counts. 1 if left out.
    pub(crate) cost: Option<u64>,
    /// `deny`, or the plan that callers without a token have, counted by their address. `deny` if left out.
    pub(crate) anonymous: Option<&'a str>,
}

/// What a request needs.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", bound = "'de: 'a")]
pub(crate) enum Require<'a> {
    /// This plan or a higher one.
    Plan(&'a str),
    /// A plan with this feature.
    Feature(&'a str),
}

/// What happens to requests that no rule matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unmatched {
    /// They go on; only foreign identity header fields are removed.
    #[default]
    Pass,
    /// They need a valid token.
    RequireToken,
    /// They are refused.
    Deny,
}

/// A header field that tells the upstream who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdentityHeader {
    /// `x-tollgate-user`.
    User,
    /// `x-tollgate-organization`.
    Organization,
    /// `x-tollgate-session`.
    Session,
    /// `x-tollgate-plan`.
    Plan,
}

/// Which header fields tell clients what is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum RateLimitHeaders {
    /// `RateLimit` and `RateLimit-Policy`, as the IETF drafts them.
    Ietf,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`.
    #[serde(rename = "x-ratelimit")]
    XRateLimit,
    /// Both.
    #[default]
    Both,
    /// None.
    None,
}

/// Which origins may read the gate's own replies and header fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cors {
    /// The authorized parties.
    #[default]
    AuthorizedParties,
    /// None.
    Off,
}

/// Where it is counted.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Store"))]
#[serde(rename_all = "snake_case", bound = "'de: 'a")]
pub(crate) enum WrittenStore<'a> {
    /// In this Envoy process: exact across its threads, not across replicas, and lost when it ends.
    #[default]
    Local,
    /// In envoyproxy/ratelimit, for all replicas together.
    Ratelimit(Ratelimit<'a>),
}

/// How envoyproxy/ratelimit is reached.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct Ratelimit<'a> {
    /// The cluster's name in Envoy's configuration.
    pub(crate) cluster: &'a str,
    /// The domain of its configuration.
    #[serde(default = "domain")]
    pub(crate) domain: &'a str,
    /// How long one call may take, in milliseconds.
    #[serde(default = "ratelimit_timeout_ms")]
    pub(crate) timeout_ms: u64,
    /// What happens when it cannot be asked.
    #[serde(default)]
    pub(crate) on_error: OnError,
}

fn domain() -> &'static str {
    "tollgate"
}

fn ratelimit_timeout_ms() -> u64 {
    100
}

/// What happens when the counter cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The request goes on, uncounted.
    #[default]
    Allow,
    /// The request is refused.
    Deny,
}
