//! `tollgate sync`: brings Clerk in line with Stripe without an event. It is a host of the same reconciliation as the
//! filter's; what is here asks, paces, repeats, remembers where it stands and prints.

mod courier;
mod desk;
mod document;
mod ledger;
mod output;
mod pace;
mod progress;
mod resume;
mod words;
mod work;

use clap::{ArgGroup, Args};
use courier::Places;
use desk::{Desk, now};
use document::Setup;
use ledger::Ledger;
use pace::Rates;
use progress::Progress;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tollgate_core::config::Upstream;
use tollgate_core::ids::{CustomerId, Subject};
use tollgate_core::secret::Secret;
use tollgate_core::time::Micros;
use tollgate_core::webhook::{Conclusion, Failure, Inquiry, Intent, People, Whom, Worker};
use work::{Bookkeeper, Job, NoCensus, Work};

/// Something failed.
const FAILED: u8 = 1;
/// The arguments or the configuration are wrong; clap's own code for it.
const MISUSED: u8 = 2;
/// A dry run with `--exit-code` found differences.
const DIFFERENT: u8 = 3;
/// It was interrupted, as shells say it of SIGINT.
const INTERRUPTED: u8 = 130;

/// How often the file of `--resume` is written.
const SAVED_EVERY: Duration = Duration::from_secs(5);

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
pub(crate) struct Arguments {
    /// Everyone whom this Stripe customer's subscriptions name.
    #[arg(long, group = "whom", value_name = "cus_…", value_parser = customer)]
    customer: Option<CustomerId>,
    /// One Clerk user or organization.
    #[arg(long, group = "whom", value_name = "user_…|org_…", value_parser = subject)]
    subject: Option<Subject>,
    /// Everyone whom Stripe's subscriptions name, and everyone with a paid plan at Clerk.
    #[arg(long, group = "whom")]
    all: bool,
    /// The document, or an Envoy, Istio or Envoy Gateway file with it inside.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Write what differs, and check it. Without this nothing is written anywhere.
    #[arg(long)]
    apply: bool,
    /// Also end plans of which neither Clerk's record nor Stripe knows where they came from.
    #[arg(long)]
    end_unrecorded: bool,
    /// Keep in this file who is left, and go on with it when it is there.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["customer", "subject"])]
    resume: Option<PathBuf>,
    /// One JSON object a line on standard output, for machines.
    #[arg(long)]
    json: bool,
    /// End a dry run that finds differences with 3.
    #[arg(long, conflicts_with = "apply")]
    exit_code: bool,
    /// Stripe's API, in place of the document's authority: a proxy, or a fake.
    #[arg(long, value_name = "URL")]
    stripe_url: Option<String>,
    /// Clerk's Backend API without /v1, in place of the document's authority.
    #[arg(long, value_name = "URL")]
    clerk_url: Option<String>,
    /// Calls a second to Stripe [default: 20 at one endpoint, in all 80 with a live key and 20 with another].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    stripe_rate: Option<u32>,
    /// Calls a second to Clerk [default: 80 with a live key, 8 with another].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clerk_rate: Option<u32>,
}

fn customer(text: &str) -> Result<CustomerId, String> {
    CustomerId::parse(text).map_err(|error| error.to_string())
}

fn subject(text: &str) -> Result<Subject, String> {
    Subject::parse(text).map_err(|_| "expected `user_…` or `org_…`, as Clerk shows it".to_owned())
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match Session::begin(arguments).and_then(|mut session| session.run()) {
        Ok(code) => ExitCode::from(code),
        Err(wrong) => {
            eprintln!("error: {wrong}");
            ExitCode::from(MISUSED)
        }
    }
}

/// One run.
struct Session<'a> {
    arguments: &'a Arguments,
    intent: Intent,
    worker: Worker,
    places: Places,
    plans: tollgate_core::plan_table::PlanTable,
    plan_key: String,
    desk: Desk,
    ledger: Ledger,
    progress: Progress,
}

impl<'a> Session<'a> {
    fn begin(arguments: &'a Arguments) -> Result<Self, String> {
        let (stripe_url, clerk_url) = (arguments.stripe_url.as_deref(), arguments.clerk_url.as_deref());
        let Setup { configuration, places } = document::read(&arguments.config, stripe_url, clerk_url)?;
        let section = &configuration.section;
        let (stripe_live, clerk_live) = (is_live(&section.stripe), is_live(&section.clerk));
        if stripe_live != clerk_live && stripe_url.is_none() && clerk_url.is_none() {
            eprintln!("note: one of the two API keys is of live mode and the other is not");
        }
        let rates = Rates::new(stripe_live, clerk_live, arguments.stripe_rate, arguments.clerk_rate);
        let (plans, plan_key) = (configuration.plans.clone(), section.plan_key.clone());
        let desk = Desk::open(&places, rates);
        let intent = if arguments.apply { Intent::Apply } else { Intent::Rehearse };
        let progress = Progress::new(now(), false);
        let (worker, ledger) = (Worker::new(configuration), Ledger::default());
        Ok(Session { arguments, intent, worker, places, plans, plan_key, desk, ledger, progress })
    }

    fn run(&mut self) -> Result<u8, String> {
        let jobs = match self.jobs()? {
            Ok(jobs) => jobs,
            Err(NoCensus::Interrupted) => {
                self.progress.clear();
                eprintln!("interrupted while reading who there is: nothing was written; run it again");
                return Ok(INTERRUPTED);
            }
            Err(NoCensus::Failed(failure)) => {
                self.progress.clear();
                return Ok(self.no_census(&failure));
            }
        };
        if let Some(file) = &self.arguments.resume {
            resume::save(file, self.resumable(), jobs.iter())?;
        }
        let total = jobs.len();
        let mut books = Books {
            ledger: &mut self.ledger,
            plans: &self.plans,
            plan_key: &self.plan_key,
            json: self.arguments.json,
            intent: self.intent,
            progress: &mut self.progress,
            total,
            resume: self.arguments.resume.as_deref(),
            places: &self.places,
            saved_at: now(),
            failed: Vec::new(),
        };
        let (left, interrupted) =
            Work::new(&mut self.worker, self.intent, jobs).run(&mut self.desk, &mut books);
        let failed = std::mem::take(&mut books.failed);
        self.progress.clear();
        if let Some(file) = &self.arguments.resume {
            resume::save(file, self.resumable(), left.iter().chain(&failed))?;
        }
        self.print(left.len());
        if interrupted.is_some() {
            self.say_how_to_go_on(total, left.len());
            return Ok(INTERRUPTED);
        }
        if !self.ledger.failures.is_empty() {
            return Ok(FAILED);
        }
        let differs = !self.ledger.differing.is_empty() || !self.ledger.names.is_empty();
        let is_dry = self.intent == Intent::Rehearse;
        if differs && is_dry && !self.arguments.json {
            println!("nothing was written; to apply it: {} --apply", self.command());
        }
        Ok(if differs && is_dry && self.arguments.exit_code { DIFFERENT } else { 0 })
    }

    /// Everyone who is to be looked at.
    fn jobs(&mut self) -> Result<Result<Vec<Job>, NoCensus>, String> {
        if let Some(customer) = &self.arguments.customer {
            return Ok(Ok(vec![Job::new(Whom::Customer(customer.clone()))]));
        }
        if let Some(file) = &self.arguments.resume
            && let Some(left) = resume::load(file, self.resumable())?
        {
            eprintln!("{} are left by {}", left.len(), file.display());
            return Ok(Ok(left));
        }
        let inquiry = self.arguments.subject.clone().map_or(Inquiry::All, Inquiry::Subject);
        let (progress, worker) = (&mut self.progress, &self.worker);
        let people = work::census(&mut self.desk, worker, inquiry, |counts| {
            progress.show(now(), || {
                format!(
                    "reading: {} subscriptions, {} users, {} organizations, {} sessions to look up",
                    counts.subscriptions, counts.users, counts.organizations, counts.lookups_left
                )
            });
        });
        Ok(people.map(|people| self.jobs_of(people)))
    }

    fn jobs_of(&mut self, people: People) -> Vec<Job> {
        let People { candidates, nobodys, skipped, .. } = people;
        self.ledger.nobodys = nobodys;
        if !skipped.is_empty() {
            let detail =
                format!("{} ids do not look like Stripe's or Clerk's and were left out", skipped.len());
            let alarm = serde_json::json!({"alarm": "strange_ids", "detail": detail});
            if self.arguments.json {
                println!("{alarm}");
            }
            self.ledger.alarm(alarm.to_string());
        }
        let end_unrecorded = self.arguments.end_unrecorded;
        let job = |candidate: tollgate_core::webhook::Candidate| {
            let (subject, customers) = (candidate.subject, candidate.customers);
            Job::new(Whom::Subject { subject, customers, trusted: candidate.trusted || end_unrecorded })
        };
        candidates.into_iter().map(job).collect()
    }

    fn resumable(&self) -> resume::Run<'_> {
        resume::Run { intent: self.intent, places: &self.places }
    }

    /// Nobody was looked at.
    fn no_census(&mut self, failure: &Failure) -> u8 {
        let asked = self.arguments.subject.as_ref().map_or("--all", |subject| subject.as_str());
        self.ledger.failures.insert(asked.to_owned(), failure.clone());
        self.print(0);
        FAILED
    }

    fn print(&self, left: usize) {
        if self.arguments.json {
            output::json_rest(&self.ledger, left).iter().for_each(|line| println!("{line}"));
        } else {
            print!("{}", output::table(&self.ledger, self.intent));
        }
        if let Some(why) = self.desk.last_break.as_ref().filter(|_| !self.ledger.failures.is_empty()) {
            eprintln!("the last connection that broke: {why}");
        }
    }

    fn say_how_to_go_on(&self, total: usize, left: usize) {
        let apply = if self.arguments.apply { " --apply" } else { "" };
        let done = total.saturating_sub(left);
        match &self.arguments.resume {
            Some(_) => eprintln!("interrupted: {done} of {total} done; to go on: {}{apply}", self.command()),
            None => eprintln!(
                "interrupted: {done} of {total} done; run it again (what was written is found done), with \
                 --resume FILE to go on where it stands"
            ),
        }
    }

    /// This command, without `--apply`.
    fn command(&self) -> String {
        let Arguments { customer, subject, config, end_unrecorded, resume, .. } = self.arguments;
        let mut words = vec!["tollgate".to_owned(), "sync".to_owned()];
        match (customer, subject) {
            (Some(customer), _) => words.extend(["--customer".to_owned(), customer.as_str().to_owned()]),
            (None, Some(subject)) => words.extend(["--subject".to_owned(), subject.as_str().to_owned()]),
            (None, None) => words.push("--all".to_owned()),
        }
        words.extend(["--config".to_owned(), quoted(config)]);
        words.extend(end_unrecorded.then(|| "--end-unrecorded".to_owned()));
        if let Some(file) =
            resume.as_ref().filter(|_| self.arguments.apply || self.ledger.differing.is_empty())
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

/// A word as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte));
    if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn is_live(upstream: &Upstream) -> bool {
    let key = upstream.authorization.as_ref().map(Secret::expose).unwrap_or_default();
    key.starts_with("sk_live_") || key.starts_with("rk_live_")
}

/// Enters what comes in, and shows how far it is.
struct Books<'a> {
    ledger: &'a mut Ledger,
    plans: &'a tollgate_core::plan_table::PlanTable,
    plan_key: &'a str,
    json: bool,
    intent: Intent,
    progress: &'a mut Progress,
    total: usize,
    resume: Option<&'a Path>,
    places: &'a Places,
    saved_at: Micros,
    failed: Vec<Job>,
}

impl Bookkeeper for Books<'_> {
    fn conclude(&mut self, job: &Job, conclusion: Conclusion) {
        if conclusion.failure.is_some() {
            self.failed.push(job.clone());
        }
        let (audit, alarms) = (self.ledger.audit.len(), self.ledger.alarms.len());
        let new = self.ledger.enter(job.id(), conclusion, self.plans);
        if !self.json {
            return;
        }
        self.ledger.audit.iter().skip(audit).for_each(|line| println!("{line}"));
        self.ledger.alarms.iter().skip(alarms).for_each(|line| println!("{line}"));
        let lines = output::json_differences(self.ledger, &new, self.intent, self.plan_key);
        lines.iter().for_each(|line| println!("{line}"));
    }

    fn progress<'j>(&mut self, left: impl Iterator<Item = &'j Job>, left_count: usize) {
        let now = now();
        if let Some(file) = self.resume.filter(|_| now.since(self.saved_at) >= SAVED_EVERY) {
            self.saved_at = now;
            let run = resume::Run { intent: self.intent, places: self.places };
            if let Err(wrong) = resume::save(file, run, left.map(|job| -> &Job { job }).chain(&self.failed)) {
                eprintln!("note: {wrong}");
            }
        }
        let done = self.total.saturating_sub(left_count);
        let (differing, failed) = (self.ledger.differing.len(), self.ledger.failures.len());
        let rest = self.progress.rest(now, done, left_count);
        let total = self.total;
        self.progress.show(now, || format!("{done} of {total}: {differing} differ, {failed} failed, {rest}"));
    }
}
