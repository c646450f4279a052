//! The arguments of `tollgate init`, and its help.

use clap::Args;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  tollgate init gateway                                      asks for the rest, on a terminal
  tollgate init gateway --backend 127.0.0.1:8000 --issuer https://clerk.example.com \\
    --authorized-party https://app.example.com --plan free --plan pro=price_123

The folder has a configuration of Envoy with Stripe's webhook and the gate. docs/billing.md and docs/clerk.md describe
what can be added.

Exit codes: 0 the folder is written; 2 an argument is wrong, or the folder is not empty; nothing is written then.";

/// Write the folder of a new gateway: Envoy's configuration, the files of the secrets, and the next commands.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct InitArguments {
    /// The folder, which is created, or is empty.
    #[arg(value_name = "DIR")]
    pub(super) directory: PathBuf,
    /// The service behind the gateway.
    #[arg(long, value_name = "[http://]HOST:PORT")]
    pub(super) backend: Option<String>,
    /// Clerk's Frontend API URL, which session tokens name as their issuer.
    #[arg(long, value_name = "https://…")]
    pub(super) issuer: Option<String>,
    /// The origin of an application whose users call the service. Can be repeated.
    #[arg(long = "authorized-party", value_name = "https://…")]
    pub(super) authorized_parties: Vec<String>,
    /// A plan, and the Stripe prices that buy it, separated by commas. Repeat it, lowest plan first; the first
    /// is everyone's, and must have no price.
    #[arg(long = "plan", value_name = "NAME[=PRICE,…]")]
    pub(super) plans: Vec<String>,
}
