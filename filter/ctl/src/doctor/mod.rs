//! `tollgate doctor`: finds what would go wrong after going live, by reading Stripe and Clerk. The checks are
//! in `tollgate_core::inspection`; the files here call the APIs and print.

mod arguments;
mod output;
mod reads;

pub(crate) use arguments::DoctorArguments;

use crate::api_calls::{
    CLERK, CallScheduler, Endpoints, Rates, STRIPE, TOKEN_KEYS, base_url, is_live, need_key,
};
use crate::document;
use crate::sync::Interrupted;
use crate::terminal::{self, print_error_line};
use arguments::URL_MISSING;
use reads::AccountsRead;
use std::process::ExitCode;
use std::time::Duration;
use tollgate_core::config::{SECTION_NAMES, Upstream};
use tollgate_core::inspection::{
    CheckLevel, CheckResult, InspectedDocument, Inspection, SubjectSample, inspect,
};

/// The timeout of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of attempts of a call: a person waits for the result.
const TRIES_MAX: u32 = 3;

/// A warning with `--strict`.
const WARNED: u8 = 1;
/// A problem, or wrong arguments or configuration; clap's own code for the latter.
const FAILED: u8 = 2;
/// It was interrupted: the exit code that shells use for SIGINT.
const INTERRUPTED: u8 = 130;

/// Why there are no results.
#[derive(Debug)]
enum DoctorError {
    /// The arguments or the configuration are wrong: a sentence with the fix.
    Misused(String),
    Interrupted,
}

impl From<Interrupted> for DoctorError {
    fn from(_: Interrupted) -> Self {
        DoctorError::Interrupted
    }
}

/// Makes the checks, prints the results, and returns the exit code.
pub(crate) fn run(arguments: &DoctorArguments) -> ExitCode {
    match results(arguments) {
        Ok(results) => {
            output::print(&results, arguments.json);
            let worst = results.iter().map(|result| result.level).max();
            match worst {
                Some(CheckLevel::Problem) => ExitCode::from(FAILED),
                Some(CheckLevel::Warning) if arguments.strict => ExitCode::from(WARNED),
                _ => ExitCode::SUCCESS,
            }
        }
        Err(DoctorError::Misused(wrong)) => terminal::misused(&wrong),
        Err(DoctorError::Interrupted) => {
            print_error_line!("interrupted: nothing was written anywhere; run it again");
            ExitCode::from(INTERRUPTED)
        }
    }
}

fn results(arguments: &DoctorArguments) -> Result<Vec<CheckResult>, DoctorError> {
    let missing = || DoctorError::Misused(URL_MISSING.to_owned());
    let gateway_url = arguments.url.as_deref().ok_or_else(missing)?;
    let (document, endpoints, rates) = setup(arguments).map_err(DoctorError::Misused)?;
    let mut scheduler = CallScheduler::start(&endpoints, rates, TRIES_MAX);
    let AccountsRead { accounts, clock_ahead_s } = reads::accounts(&mut scheduler, &document)?;
    let sample = match document.sync_state() {
        None => None,
        Some(state) => Some(match SubjectSample::impossible(&accounts) {
            Some(impossible) => impossible,
            None => reads::sample(&mut scheduler, state, document.plans())?,
        }),
    };
    Ok(inspect(&Inspection {
        document: &document,
        gateway_url,
        accounts: &accounts,
        sample: sample.as_ref(),
        clock_ahead_s,
    }))
}

/// Reads the document, and the addresses of the APIs.
///
/// # Errors
/// A sentence with the fix.
fn setup(arguments: &DoctorArguments) -> Result<(InspectedDocument, Endpoints, Rates), String> {
    let document = document::of_file(&arguments.file, SECTION_NAMES)?;
    let environment = |variable: &str| std::env::var(variable).ok();
    let mut inspected = InspectedDocument::read(&document, &environment)
        .map_err(|error| format!("{}: {error}", arguments.file.display()))?;
    let reads_stripe = inspected.reads_stripe();
    let (stripe_url, clerk_url) = (arguments.stripe_url.as_deref(), arguments.clerk_url.as_deref());
    let Some((stripe, clerk)) = inspected.apis_mut() else {
        let sections = "`stripe_webhook`, `clerk_webhook`, or `billing`";
        return Err(format!(
            "{}: the document has none of {sections}, so there is nothing to ask Stripe or Clerk; `tollgate check` \
             checks the rest",
            arguments.file.display()
        ));
    };
    let mut endpoints = Endpoints {
        stripe: base_url(stripe, stripe_url, "--stripe-url")?,
        clerk: base_url(clerk, clerk_url, "--clerk-url")?,
        token_keys: None,
    };
    if reads_stripe {
        need_key(stripe, stripe_url, "STRIPE_API_KEY")?;
    }
    need_key(clerk, clerk_url, "CLERK_SECRET_KEY")?;
    let rates = Rates::new(is_live(stripe), is_live(clerk), None, None);
    call_directly(stripe, STRIPE);
    call_directly(clerk, CLERK);
    if let Some(keys) = inspected.token_keys_mut() {
        endpoints.token_keys = Some(base_url(keys, clerk_url, "--clerk-url")?);
        call_directly(keys, TOKEN_KEYS);
    }
    Ok((inspected, endpoints, rates))
}

/// Sets what a callout needs that Envoy does not send.
fn call_directly(upstream: &mut Upstream, cluster: &str) {
    cluster.clone_into(&mut upstream.cluster);
    upstream.timeout = CALL_TIMEOUT;
}
