//! The arguments of `tollgate doctor`, and its help.

use crate::url::http_url;
use clap::Args;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  tollgate doctor envoy.yaml --url https://gateway.example.com
  tollgate doctor tollgate.yaml --url https://gateway.example.com --json --strict    in a pipeline

Environment:
  STRIPE_API_KEY or STRIPE_SECRET_KEY, CLERK_SECRET_KEY      the API keys
  CLERK_JWT_KEY, PLAN_MAP                                    as for the filters
  HTTPS_PROXY, NO_PROXY                                      a proxy to the APIs

Exit codes:
  0 no problem   1 a warning, with --strict   2 a problem, or wrong arguments or configuration   130 interrupted";

/// Find what would go wrong after going live, by reading Stripe and Clerk.
///
/// Prints one line for each check: ok, warning, or problem with what to do about it. Only reads: nothing is
/// changed anywhere, and keys are not printed. A check whose read failed is never ok.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DoctorArguments {
    /// The document, or an Envoy, Istio or Envoy Gateway file that contains it.
    pub(super) file: PathBuf,
    /// The gateway's public URL, without a path: Stripe's webhook endpoint should be below it.
    #[arg(long, value_name = "URL", value_parser = gateway_url)]
    pub(super) url: Option<String>,
    /// Print one JSON object, for programs.
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with 1 if there are warnings.
    #[arg(long)]
    pub(super) strict: bool,
    /// The URL of Stripe's API, instead of the document's authority: a proxy, or a fake.
    #[arg(long, value_name = "URL")]
    pub(super) stripe_url: Option<String>,
    /// The URL of Clerk's APIs without /v1, instead of the document's authorities. The key set that the gate
    /// fetches is read there too.
    #[arg(long, value_name = "URL")]
    pub(super) clerk_url: Option<String>,
}

/// The error without `--url`.
pub(super) const URL_MISSING: &str = "--url: missing; name the URL under which Stripe reaches the gateway, as in `--url \
https://gateway.example.com`: its webhook endpoint is looked for at Stripe. The gateway itself is not called, so a gateway \
that is not deployed yet can be checked";

/// Returns the origin of a URL as Stripe shows it: in lower case, without the default port.
fn gateway_url(text: &str) -> Result<String, String> {
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let url = http_url(&text)?;
    if !["", "/"].contains(&url.path()) || url.query().is_some() || text.ends_with('/') {
        return Err("expected a URL without a path, like https://gateway.example.com".to_owned());
    }
    let port = if url.scheme_str() == Some("https") { ":443" } else { ":80" };
    Ok(text.strip_suffix(port).unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateways_url_has_no_path() {
        let cases = [
            ("https://gateway.example.com", Ok("https://gateway.example.com")),
            ("https://Gateway.Example.com/", Ok("https://gateway.example.com")),
            ("https://gateway.example.com:443", Ok("https://gateway.example.com")),
            ("https://gateway.example.com:8443", Ok("https://gateway.example.com:8443")),
            ("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080")),
            ("https://gateway.example.com/webhooks/stripe", Err(())),
            ("https://user@gateway.example.com", Err(())),
            ("gateway.example.com", Err(())),
            ("https://", Err(())),
            ("https://gateway.example.com:99999", Err(())),
            ("https://gateway.example.com?x", Err(())),
            ("ftp://gateway.example.com", Err(())),
        ];
        for (text, want) in cases {
            assert_eq!(gateway_url(text).map_err(drop), want.map(str::to_owned), "{text}");
        }
    }
}
