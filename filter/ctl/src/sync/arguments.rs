//! The arguments of `tollgate sync`, and its help.

use clap::{ArgGroup, Args};
use std::path::PathBuf;
use tollgate_core::clerk::plan_source::PlanSource;
use tollgate_core::ids::{CustomerId, Subject};

const AFTER_HELP: &str = "\
Examples:
  tollgate sync --all --config tollgate.yaml                 show what would change, write nothing
  tollgate sync --all --config tollgate.yaml --apply --resume sync.state
  tollgate sync --subject user_2abc --config envoy.yaml      one user; the document may be inside of another file
  tollgate sync --customer cus_123 --config tollgate.yaml --apply

Environment:
  STRIPE_API_KEY or STRIPE_SECRET_KEY, CLERK_SECRET_KEY      the API keys
  PLAN_MAP                                                   as for the filters
  HTTPS_PROXY, NO_PROXY                                      a proxy to the APIs

Exit codes:
  0 no differences, or all were applied   1 something failed   2 wrong arguments or configuration
  3 differences (dry run with --exit-code)   130 interrupted";

/// Update the plans in Clerk from Stripe and Clerk Billing: a dry run unless --apply is given.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, group = ArgGroup::new("scope").required(true))]
pub(crate) struct SyncArguments {
    /// Every subject that this Stripe customer's subscriptions name.
    #[arg(long, group = "scope", value_name = "ID", value_parser = customer)]
    pub(super) customer: Option<CustomerId>,
    /// One Clerk user or organization.
    #[arg(long, group = "scope", value_name = "user_…|org_…", value_parser = subject)]
    pub(super) subject: Option<Subject>,
    /// Every subject that Stripe's subscriptions or Clerk Billing name, and every one with a paid plan at
    /// Clerk.
    #[arg(long, group = "scope")]
    pub(super) all: bool,
    /// The document, or an Envoy, Istio or Envoy Gateway file that contains it.
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Write the differences, and check them. Without this nothing is written anywhere.
    #[arg(long)]
    pub(super) apply: bool,
    /// Also end plans whose origin neither Clerk's record nor Stripe knows.
    #[arg(long)]
    pub(super) end_unrecorded: bool,
    /// Also end plans that this source granted (`plan_source` in Clerk's record), which the document does not
    /// read.
    #[arg(long, value_name = "SOURCE", value_parser = source)]
    pub(super) release_source: Option<PlanSource>,
    /// Save in this file which subjects are left, and continue with it if it exists.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["customer", "subject"])]
    pub(super) resume: Option<PathBuf>,
    /// Print one JSON object per line on standard output, for programs.
    #[arg(long)]
    pub(super) json: bool,
    /// End a dry run that finds differences with 3.
    #[arg(long, conflicts_with = "apply")]
    pub(super) exit_code: bool,
    /// The URL of Stripe's API, instead of the document's authority: a proxy, or a fake.
    #[arg(long, value_name = "URL")]
    pub(super) stripe_url: Option<String>,
    /// The URL of Clerk's Backend API without /v1, instead of the document's authority.
    #[arg(long, value_name = "URL")]
    pub(super) clerk_url: Option<String>,
    /// Calls per second to Stripe [default: 20 per endpoint, in total 80 with a live key and 20 with
    /// another].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) stripe_rate: Option<u32>,
    /// Calls per second to Clerk [default: 80 with a live key, 8 with another].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) clerk_rate: Option<u32>,
}

fn customer(text: &str) -> Result<CustomerId, String> {
    CustomerId::parse(text).map_err(|error| error.to_string())
}

fn source(text: &str) -> Result<PlanSource, String> {
    match PlanSource::parse(text) {
        PlanSource::Other(name) if name.is_empty() => Err("expected a name, like `clerk_billing`".to_owned()),
        source => Ok(source),
    }
}

fn subject(text: &str) -> Result<Subject, String> {
    Subject::parse(text).map_err(|_| "expected `user_…` or `org_…`, as Clerk shows it".to_owned())
}
