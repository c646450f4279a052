//! `tollgate sync`: updates the plans in Clerk from Stripe without an event, by the same rules as the filter
//! (`tollgate_core::backfill`). The files here send calls within rate limits, retry, save the progress, and
//! print.

mod arguments;
mod document;
mod messages;
mod output;
mod progress;
mod recorder;
mod resume;
mod summary;
mod work;

pub(crate) use arguments::SyncArguments;

use crate::api_calls::{CallScheduler, Endpoints, Rates, TRIES_MAX, is_live};
use crate::clock::now;
use crate::terminal::{self, NOTE, print_error_line, print_line, styled};
use document::Setup;
use progress::ProgressLine;
use recorder::Recorder;
use std::path::Path;
use std::process::ExitCode;
use summary::Summary;
use tollgate_core::alarm::{Alarm, AlarmCode};
use tollgate_core::backfill::SyncState;
use tollgate_core::backfill::{BackfillError, Candidate, CensusResult, Intent, Scope, Target};
use tollgate_core::plan_table::PlanTable;
pub(crate) use work::{CensusError, Interrupted, Job, JobObserver, Work, census};

/// The exit code if something failed.
const FAILED: u8 = 1;
/// The exit code if a dry run with `--exit-code` found differences.
const DIFFERENT: u8 = 3;
/// The exit code after an interrupt. Shells use the same code for SIGINT.
const INTERRUPTED: u8 = 130;

/// Runs the subcommand.
pub(crate) fn run(arguments: &SyncArguments) -> ExitCode {
    match Session::start(arguments).and_then(|mut session| session.run()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => terminal::misused(&error),
    }
}

/// One run of the subcommand.
struct Session<'a> {
    arguments: &'a SyncArguments,
    intent: Intent,
    state: SyncState,
    endpoints: Endpoints,
    plans: PlanTable,
    plan_key: String,
    scheduler: CallScheduler,
    summary: Summary,
    progress: ProgressLine,
}

impl<'a> Session<'a> {
    fn start(arguments: &'a SyncArguments) -> Result<Self, String> {
        let (stripe_url, clerk_url) = (arguments.stripe_url.as_deref(), arguments.clerk_url.as_deref());
        let Setup { configuration, endpoints } = document::read(&arguments.config, stripe_url, clerk_url)?;
        let mut configuration = configuration;
        configuration.section.release(arguments.release_source.as_ref())?;
        if arguments.customer.is_some() && !configuration.section.reads_stripe {
            return Err("--customer: the document does not read Stripe; use --subject or --all".to_owned());
        }
        let section = &configuration.section;
        let (stripe_live, clerk_live) = (is_live(&section.stripe), is_live(&section.clerk));
        if section.reads_stripe && stripe_live != clerk_live && stripe_url.is_none() && clerk_url.is_none() {
            print_error_line!(
                "{}: one of the two API keys is of live mode and the other is not",
                styled(NOTE, "note")
            );
        }
        let rates = Rates::new(stripe_live, clerk_live, arguments.stripe_rate, arguments.clerk_rate);
        let (plans, plan_key) = (configuration.plans.clone(), section.plan_key.clone());
        let scheduler = CallScheduler::start(&endpoints, rates, TRIES_MAX);
        let intent = if arguments.apply { Intent::Apply } else { Intent::DryRun };
        let progress = ProgressLine::new(now(), false);
        let (state, summary) = (SyncState::new(configuration), Summary::default());
        Ok(Session { arguments, intent, state, endpoints, plans, plan_key, scheduler, summary, progress })
    }

    fn run(&mut self) -> Result<u8, String> {
        let jobs = match self.jobs()? {
            Ok(jobs) => jobs,
            Err(CensusError::Interrupted) => {
                self.progress.clear();
                print_error_line!(
                    "interrupted while reading subscriptions and users: nothing was written; run it again"
                );
                return Ok(INTERRUPTED);
            }
            Err(CensusError::Failed(failure)) => {
                self.progress.clear();
                return Ok(self.report_failed_census(&failure));
            }
        };
        if let Some(file) = &self.arguments.resume {
            resume::save(file, self.resumable(), jobs.iter())?;
        }
        let total = jobs.len();
        let mut recorder = Recorder {
            summary: &mut self.summary,
            plans: &self.plans,
            plan_key: &self.plan_key,
            json: self.arguments.json,
            intent: self.intent,
            progress: &mut self.progress,
            total,
            resume: self.arguments.resume.as_deref(),
            endpoints: &self.endpoints,
            saved_at: now(),
            failed: Vec::new(),
        };
        let (left, interrupted) =
            Work::new(&mut self.state, self.intent, jobs).run(&mut self.scheduler, &mut recorder);
        let failed = std::mem::take(&mut recorder.failed);
        self.progress.clear();
        if let Some(file) = &self.arguments.resume {
            resume::save(file, self.resumable(), left.iter().chain(&failed))?;
        }
        self.print(left.len());
        if interrupted.is_some() {
            self.print_how_to_continue(total, left.len());
            return Ok(INTERRUPTED);
        }
        if !self.summary.failures.is_empty() {
            return Ok(FAILED);
        }
        let differs = !self.summary.differing.is_empty() || !self.summary.noted_owners.is_empty();
        let is_dry_run = self.intent == Intent::DryRun;
        if differs && is_dry_run && !self.arguments.json {
            print_line!("nothing was written; to apply it: {} --apply", self.command());
        }
        Ok(if differs && is_dry_run && self.arguments.exit_code { DIFFERENT } else { 0 })
    }

    /// Returns the jobs for all subjects in the scope.
    fn jobs(&mut self) -> Result<Result<Vec<Job>, CensusError>, String> {
        if let Some(customer) = &self.arguments.customer {
            return Ok(Ok(vec![Job::new(Target::Customer(customer.clone()))]));
        }
        if let Some(file) = &self.arguments.resume
            && let Some(left) = resume::load(file, self.resumable())?
        {
            print_error_line!("{} subjects are left according to {}", left.len(), file.display());
            return Ok(Ok(left));
        }
        let scope = self.arguments.subject.clone().map_or(Scope::All, Scope::Subject);
        let (progress, state) = (&mut self.progress, &self.state);
        let census = census(&mut self.scheduler, state, scope.clone(), |counts| {
            progress.show(now(), || {
                format!(
                    "reading: {} subscriptions, {} users, {} organizations, {} items of Clerk Billing, {} sessions to \
                     look up",
                    counts.subscriptions,
                    counts.users,
                    counts.organizations,
                    counts.billing_items,
                    counts.lookups_left
                )
            });
        });
        let census = census.and_then(|census| match self.arguments.end_unrecorded {
            true => census.ending_unrecorded(&scope).map_err(CensusError::Failed),
            false => Ok(census),
        });
        Ok(census.map(|census| self.jobs_from_census(census)))
    }

    fn jobs_from_census(&mut self, census: CensusResult) -> Vec<Job> {
        let CensusResult { candidates, unowned, skipped, .. } = census;
        self.summary.unowned = unowned;
        if !skipped.is_empty() {
            let cause = format!(
                "{} objects at Stripe or Clerk were left out, because their ids do not look like Stripe's or Clerk's, or \
                 because they do not match the API references: {}",
                skipped.len(),
                output::shown_ids(&skipped)
            );
            let cure = "look at them at Stripe or Clerk; if nothing is wrong with them, update Tollgate";
            let alarm = Alarm::warning(AlarmCode::UnknownIds, cause, cure);
            if self.arguments.json {
                print_line!("{alarm}");
            }
            self.summary.alarm(alarm.to_string());
        }
        let job = |Candidate { subject, customers, trusted, .. }| {
            Job::new(Target::Subject { subject, customers, trusted })
        };
        candidates.into_iter().map(job).collect()
    }

    fn resumable(&self) -> resume::Run<'_> {
        resume::Run { intent: self.intent, endpoints: &self.endpoints }
    }

    /// Reports that the subjects could not be read.
    fn report_failed_census(&mut self, failure: &BackfillError) -> u8 {
        let scope = self.arguments.subject.as_ref().map_or("--all", |subject| subject.as_str());
        self.summary.failures.insert(scope.to_owned(), failure.clone());
        self.print(0);
        FAILED
    }

    fn print(&self, left: usize) {
        if self.arguments.json {
            output::json_rest(&self.summary, left).iter().for_each(|line| print_line!("{line}"));
        } else {
            terminal::print(&output::table(&self.summary, self.intent));
        }
        if let Some(why) =
            self.scheduler.last_connection_error.as_ref().filter(|_| !self.summary.failures.is_empty())
        {
            print_error_line!("the last connection error: {why}");
        }
    }

    fn print_how_to_continue(&self, total: usize, left: usize) {
        let apply = if self.arguments.apply { " --apply" } else { "" };
        let done = total.saturating_sub(left);
        match &self.arguments.resume {
            Some(_) => {
                print_error_line!(
                    "interrupted: {done} of {total} done; to continue: {}{apply}",
                    self.command()
                )
            }
            None => print_error_line!(
                "interrupted: {done} of {total} done; run it again (completed work is not repeated), with --resume FILE \
                to continue where it stopped"
            ),
        }
    }

    /// Returns this command line, without `--apply`.
    fn command(&self) -> String {
        let SyncArguments { customer, subject, config, end_unrecorded, release_source, resume, .. } =
            self.arguments;
        let mut words = vec!["tollgate".to_owned(), "sync".to_owned()];
        match (customer, subject) {
            (Some(customer), _) => words.extend(["--customer".to_owned(), customer.as_str().to_owned()]),
            (None, Some(subject)) => words.extend(["--subject".to_owned(), subject.as_str().to_owned()]),
            (None, None) => words.push("--all".to_owned()),
        }
        words.extend(["--config".to_owned(), quoted(config)]);
        words.extend(end_unrecorded.then(|| "--end-unrecorded".to_owned()));
        if let Some(source) = release_source {
            words.extend(["--release-source".to_owned(), source.as_str().to_owned()]);
        }
        if let Some(file) =
            resume.as_ref().filter(|_| self.arguments.apply || self.summary.differing.is_empty())
        {
            words.extend(["--resume".to_owned(), quoted(file)]);
        }
        for (option, url) in
            [("--stripe-url", &self.arguments.stripe_url), ("--clerk-url", &self.arguments.clerk_url)]
        {
            words.extend(url.iter().flat_map(|url| [option.to_owned(), url.clone()]));
        }
        words.join(" ")
    }
}

/// Quotes a path for a shell if necessary.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte));
    if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
