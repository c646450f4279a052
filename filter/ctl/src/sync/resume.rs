//! The file of `--resume`: the subjects that are left. It is replaced atomically.

use super::work::Job;
use crate::api_calls::Endpoints;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;
use tempfile::NamedTempFile;
use tollgate_core::backfill::{Intent, Target};
use tollgate_core::ids::{CustomerId, Subject};

/// The version of the file's format.
const FORMAT: u32 = 1;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tollgate_sync: u32,
    apply: bool,
    stripe: String,
    clerk: String,
    left: Vec<WrittenJob>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenJob {
    subject: String,
    customers: Vec<String>,
    trusted: bool,
}

/// The settings of a run. A file of a run with other settings is not used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    pub(super) intent: Intent,
    pub(super) endpoints: &'a Endpoints,
}

/// Writes the jobs that are left, or removes the file if there are none.
///
/// # Errors
/// A sentence with the fix.
pub(super) fn save<'a>(file: &Path, run: Run<'_>, left: impl Iterator<Item = &'a Job>) -> Result<(), String> {
    let left: Vec<WrittenJob> = left.filter_map(written).collect();
    let failed = |error: &dyn std::fmt::Display| {
        format!(
            "{}: cannot be written: {error}; name a file in a directory that you may write to",
            file.display()
        )
    };
    if left.is_empty() {
        return match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&error)),
            _ => Ok(()),
        };
    }
    let Run { intent, endpoints: Endpoints { stripe, clerk, .. } } = run;
    let apply = intent == Intent::Apply;
    let whole = Written { tollgate_sync: FORMAT, apply, stripe: stripe.clone(), clerk: clerk.clone(), left };
    let text = serde_json::to_vec_pretty(&whole).map_err(|error| failed(&error))?;
    let mut beside = NamedTempFile::new_in(directory_of(file)).map_err(|error| failed(&error))?;
    beside.write_all(&text).and_then(|()| beside.as_file().sync_all()).map_err(|error| failed(&error))?;
    beside.persist(file).map_err(|error| failed(&error))?;
    Ok(())
}

/// Returns the directory that a file is in.
fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn written(job: &Job) -> Option<WrittenJob> {
    let Target::Subject { subject, customers, trusted } = &job.target else { return None };
    let customers = customers.iter().map(|customer| customer.as_str().to_owned()).collect();
    Some(WrittenJob { subject: subject.as_str().to_owned(), customers, trusted: *trusted })
}

/// Reads the jobs that are left. Returns `None` if there is no file yet.
///
/// # Errors
/// A sentence with the fix.
pub(super) fn load(file: &Path, run: Run<'_>) -> Result<Option<Vec<Job>>, String> {
    let name = file.display();
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && directory_of(file).is_dir() => {
            return Ok(None);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!("{name}: there is no such directory; create it first"));
        }
        Err(error) => return Err(format!("{name}: cannot be read: {error}")),
    };
    let whole: Written = serde_json::from_slice(&text).map_err(|error| {
        format!("{name}: is not a file of `tollgate sync --resume`: {error}; name another file, or remove it")
    })?;
    let Written { tollgate_sync, apply, stripe, clerk, left } = whole;
    if tollgate_sync != FORMAT {
        return Err(format!("{name}: was written by another version; remove it to start again"));
    }
    if apply != (run.intent == Intent::Apply) {
        let (theirs, fix) = if apply { ("with", "add it") } else { ("without", "remove the file") };
        return Err(format!("{name}: is of a run {theirs} --apply; {fix} to continue"));
    }
    if (&stripe, &clerk) != (&run.endpoints.stripe, &run.endpoints.clerk) {
        return Err(format!("{name}: is of a run against {stripe} and {clerk}; remove it to start again"));
    }
    let job = |written: WrittenJob| -> Result<Job, String> {
        let wrong = |error: tollgate_core::ids::IdError| format!("{name}: {error}; remove it to start again");
        let subject = Subject::parse(&written.subject).map_err(wrong)?;
        let customers = written.customers.iter().map(|id| CustomerId::parse(id));
        let customers = customers.collect::<Result<Vec<_>, _>>().map_err(wrong)?.into_iter().collect();
        Ok(Job::new(Target::Subject { subject, customers, trusted: written.trusted }))
    };
    left.into_iter().map(job).collect::<Result<Vec<_>, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: &str) -> Job {
        let customers = [CustomerId::parse("cus_1").unwrap()].into_iter().collect();
        Job::new(Target::Subject { subject: Subject::parse(id).unwrap(), customers, trusted: true })
    }

    #[test]
    fn a_saved_file_is_loaded_by_a_run_with_the_same_settings_only() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("left.json");
        let endpoints =
            Endpoints { stripe: "https://a".to_owned(), clerk: "https://b".to_owned(), token_keys: None };
        let others = Endpoints { stripe: "https://c".to_owned(), ..endpoints.clone() };
        let run = Run { intent: Intent::Apply, endpoints: &endpoints };
        assert!(load(&file, run).unwrap().is_none());
        let jobs = [job("user_1"), job("org_1")];
        save(&file, run, jobs.iter()).unwrap();
        let loaded = load(&file, run).unwrap().unwrap();
        let targets = |jobs: &[Job]| jobs.iter().map(|job| job.target.clone()).collect::<Vec<_>>();
        assert_eq!(targets(&loaded), targets(&jobs));
        for other in [Run { intent: Intent::DryRun, ..run }, Run { endpoints: &others, ..run }] {
            assert!(load(&file, other).is_err());
        }
        save(&file, run, std::iter::empty()).unwrap();
        assert!(!file.exists() && directory.path().read_dir().unwrap().next().is_none());
        std::fs::write(&file, "{}").unwrap();
        assert!(load(&file, run).unwrap_err().contains("is not a file of `tollgate sync --resume`"));
    }
}
