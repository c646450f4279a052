//! The section `plan_gate` as written in the document.

use super::{FromEnvironment, WrittenUpstream};
use serde::Deserialize;

/// The filter that turns the plan in a session token into enforced limits.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PlanGate"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub struct WrittenPlanGate<'a> {
    /// The issuer of session tokens: the Frontend API URL of the Clerk instance, without a slash at its end.
    pub(crate) issuer: &'a str,
    /// The keys that session tokens are verified with.
    pub(crate) keys: WrittenKeys<'a>,
    /// The origins whose tokens are accepted (`azp`).
    #[serde(default)]
    pub(crate) authorized_parties: Vec<&'a str>,
    /// Whether a token must name the origin that it was issued to. Tokens of native clients have none.
    #[serde(default = "yes")]
    pub(crate) require_azp: bool,
    /// The audiences of which a token must name one. If left out, `aud` is not checked.
    #[serde(default)]
    pub(crate) audience: Vec<&'a str>,
    /// The largest difference between the clocks of Clerk and of the gateway, in seconds.
    #[serde(default = "clock_skew_s")]
    pub(crate) clock_skew_s: u64,
    /// Whether the token may also be in Clerk's session cookie.
    #[serde(default = "yes")]
    pub(crate) cookie: bool,
    /// The subject of the plan, of the counters, and of the confirmation: the user, or the active
    /// organization.
    #[serde(default)]
    pub(crate) subject: SubjectKind,
    /// The claims of a token that hold the plan.
    #[serde(default)]
    pub(crate) plan_claims: WrittenPlanClaims<'a>,
    /// The rules that guard requests. The first rule that matches a request applies.
    #[serde(default)]
    pub(crate) rules: Vec<WrittenRule<'a>>,
    /// The handling of requests that match no rule.
    #[serde(default)]
    pub(crate) unmatched: Unmatched,
    /// Whether routes may name the rule of their requests, in `metadata.filter_metadata.tollgate.rule`.
    /// Always the case if a rule has neither `path` nor `path_prefix`.
    #[serde(default)]
    pub(crate) rules_by_route: bool,
    /// The exact path where clients read their plan and what is left of it.
    pub(crate) usage_path: Option<&'a str>,
    /// The page where a refused client can get a higher plan.
    pub(crate) upgrade_url: Option<&'a str>,
    /// The status of a refusal that a higher plan would lift: 403 or 402.
    #[serde(default = "plan_required_status")]
    pub(crate) plan_required_status: u64,
    /// The header fields that carry the caller's identity to the upstream. Fields of these names from clients
    /// are always removed.
    #[serde(default = "identity_headers")]
    pub(crate) identity_headers: Vec<IdentityHeader>,
    /// The header fields that show clients what is left of their limit.
    #[serde(default)]
    pub(crate) rate_limit_headers: RateLimitHeaders,
    /// The origins that may read the gate's own replies and header fields.
    #[serde(default)]
    pub(crate) cors: Cors,
    /// Whether the gate decides, logs, and counts, but refuses nothing.
    #[serde(default)]
    pub(crate) shadow: bool,
    /// Clerk's Backend API, read before a refusal that a higher plan would lift.
    pub(crate) confirm: Option<WrittenUpstream<'a>>,
    /// The store of the counters.
    #[serde(default)]
    pub(crate) store: WrittenStore<'a>,
    /// The maximum memory for the counters of signed-in callers in the `local` store, in megabytes. The
    /// counters of anonymous callers take a quarter of that in addition.
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

/// The location of the instance's JSON Web Key Set.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct Jwks<'a> {
    /// The cluster's name in Envoy's configuration.
    pub(crate) cluster: &'a str,
    /// Host, and port if it is not 443. If left out, that of the issuer.
    pub(crate) authority: Option<&'a str>,
    /// The path of the set. If left out, `/.well-known/jwks.json` below the issuer's path.
    pub(crate) path: Option<&'a str>,
    /// The timeout of one call, in milliseconds. If left out, 2000.
    pub(crate) timeout_ms: Option<u64>,
}

/// The subject of the plan: the user, or the active organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum SubjectKind {
    /// The user.
    #[default]
    User,
    /// The active organization; a request without one is refused.
    Organization,
    /// The active organization if there is one, otherwise the user.
    OrganizationOrUser,
}

/// The claims of a token that hold the plan. The first claim that is present and not null counts;
/// `clerk_billing` reads the claim of Clerk Billing.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PlanClaims"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct WrittenPlanClaims<'a> {
    /// A user's plan: paths of claims, their parts separated by dots.
    pub(crate) user: Option<Vec<&'a str>>,
    /// An organization's plan.
    pub(crate) organization: Option<Vec<&'a str>>,
}

/// The requirements for a request. A rule without `require` and `limit` needs only a valid token.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Rule"))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct WrittenRule<'a> {
    /// Its name, for metrics, and for a route's `metadata.filter_metadata.tollgate.rule`.
    pub(crate) name: &'a str,
    /// Matches exactly this path.
    pub(crate) path: Option<&'a str>,
    /// Matches this path and all paths below it, by whole segments: `/ask` and `/ask/x`, not `/asking`.
    pub(crate) path_prefix: Option<&'a str>,
    /// Matches only these methods.
    pub(crate) methods: Option<Vec<&'a str>>,
    /// Matches only this host, at any port.
    pub(crate) host: Option<&'a str>,
    /// The plan or the feature that the caller needs.
    pub(crate) require: Option<Require<'a>>,
    /// The limit that a request counts against.
    pub(crate) limit: Option<&'a str>,
    /// How much a request counts. If left out, 1.
    pub(crate) cost: Option<u64>,
    /// `deny`, or the plan of callers without a token, who are counted by their address. If left out, `deny`.
    pub(crate) anonymous: Option<&'a str>,
}

/// The plan or feature that a caller needs.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", bound = "'de: 'a")]
pub(crate) enum Require<'a> {
    /// This plan or a higher one.
    Plan(&'a str),
    /// A plan with this feature.
    Feature(&'a str),
}

/// The handling of requests that match no rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unmatched {
    /// They pass; only identity header fields from the client are removed.
    #[default]
    Pass,
    /// They need a valid token.
    RequireToken,
    /// They are refused.
    Deny,
}

/// A header field that carries the caller's identity to the upstream.
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

/// The header fields that show clients what is left of their limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum RateLimitHeaders {
    /// `RateLimit` and `RateLimit-Policy`, as in the IETF draft.
    Ietf,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining`, and `X-RateLimit-Reset`.
    #[serde(rename = "x-ratelimit")]
    XRateLimit,
    /// Both.
    #[default]
    Both,
    /// None.
    None,
}

/// The origins that may read the gate's own replies and header fields.
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

/// The store of the counters.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Store"))]
#[serde(rename_all = "snake_case", bound = "'de: 'a")]
pub(crate) enum WrittenStore<'a> {
    /// This Envoy process: exact across its threads, not across replicas, and lost when the process ends.
    #[default]
    Local,
    /// The envoyproxy/ratelimit service, for all replicas together.
    Ratelimit(Ratelimit<'a>),
}

/// The settings of calls to envoyproxy/ratelimit.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, bound = "'de: 'a")]
pub(crate) struct Ratelimit<'a> {
    /// The cluster's name in Envoy's configuration.
    pub(crate) cluster: &'a str,
    /// The domain in the service's configuration.
    #[serde(default = "domain")]
    pub(crate) domain: &'a str,
    /// The timeout of one call, in milliseconds.
    #[serde(default = "ratelimit_timeout_ms")]
    pub(crate) timeout_ms: u64,
    /// How requests are handled when a call fails.
    #[serde(default)]
    pub(crate) on_error: OnError,
}

fn domain() -> &'static str {
    "tollgate"
}

fn ratelimit_timeout_ms() -> u64 {
    100
}

/// The handling of requests if a call to the rate limit service fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The request passes, uncounted.
    #[default]
    Allow,
    /// The request is refused.
    Deny,
}
