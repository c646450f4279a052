//! The arguments of `tollgate sync`, and its help.

use clap::{ArgGroup, Args};
use std::path::PathBuf;
use tollgate_core::ids::{CustomerId, Subject};

const AFTER_HELP: &str = "\
Examples:
  tollgate sync --all --config tollgate.yaml                 what would change, nothing is written
  tollgate sync --all --config tollgate.yaml --apply --resume sync.state
  tollgate sync --subject user_2abc --config envoy.yaml      one user, in whatever file the document stands
  tollgate sync --customer cus_123 --config tollgate.yaml --apply

Environment:
  STRIPE_API_KEY or STRIPE_SECRET_KEY, CLERK_SECRET_KEY      the API keys
  PLAN_MAP                                                   as for the filters
  HTTPS_PROXY, NO_PROXY                                      a proxy on the way

Exit codes:
  0 nothing differs, or all was applied   1 something failed   2 wrong arguments or configuration
  3 differences (dry run with --exit-code)   130 interrupted";

/// Bring Clerk in line with Stripe: a dry run unless --apply is given.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, group = ArgGroup::new("whom").required(true))]
pub(crate) struct SyncArguments {
    /// Everyone whom this Stripe customer's subscriptions name.
    #[arg(long, group = "whom", value_name = "ID", value_parser = customer)]
    pub(super) customer: Option<CustomerId>,
    /// One Clerk user or organization.
    #[arg(long, group = "whom", value_name = "user_…|org_…", value_parser = subject)]
    pub(super) subject: Option<Subject>,
    /// Everyone whom Stripe's subscriptions name, and everyone with a paid plan at Clerk.
    #[arg(long, group = "whom")]
    pub(super) all: bool,
    /// The document, or an Envoy, Istio or Envoy Gateway file with it inside.
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Write what differs, and check it. Without this nothing is written anywhere.
    #[arg(long)]
    pub(super) apply: bool,
    /// Also end plans of which neither Clerk's record nor Stripe knows where they came from.
    #[arg(long)]
    pub(super) end_unrecorded: bool,
    /// Keep in this file who is left, and go on with it when it is there.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["customer", "subject"])]
    pub(super) resume: Option<PathBuf>,
    /// One JSON object a line on standard output, for machines.
    #[arg(long)]
    pub(super) json: bool,
    /// End a dry run that finds differences with 3.
    #[arg(long, conflicts_with = "apply")]
    pub(super) exit_code: bool,
    /// Stripe's API, in place of the document's authority: a proxy, or a fake.
    #[arg(long, value_name = "URL")]
    pub(super) stripe_url: Option<String>,
    /// Clerk's Backend API without /v1, in place of the document's authority.
    #[arg(long, value_name = "URL")]
    pub(super) clerk_url: Option<String>,
    /// Calls a second to Stripe [default: 20 at one endpoint, in all 80 with a live key and 20 with another].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) stripe_rate: Option<u32>,
    /// Calls a second to Clerk [default: 80 with a live key, 8 with another].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) clerk_rate: Option<u32>,
}

fn customer(text: &str) -> Result<CustomerId, String> {
    CustomerId::parse(text).map_err(|error| error.to_string())
}

fn subject(text: &str) -> Result<Subject, String> {
    Subject::parse(text).map_err(|_| "expected `user_…` or `org_…`, as Clerk shows it".to_owned())
}
