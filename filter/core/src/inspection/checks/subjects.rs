//! Users and organizations, by a sample: their subscriptions and their records at Clerk.

use crate::ids::Subject;
use crate::inspection::Inspection;
use crate::inspection::SubjectSample;
use crate::inspection::check::{CheckOutcome, CheckVerdict, counted, listed};
use crate::inspection::read_error::ReadError;

/// Returns the sample, if its subjects could be listed.
fn sample<'a>(inspection: &Inspection<'a>) -> Option<Result<&'a SubjectSample, &'a ReadError>> {
    let sample = inspection.sample?;
    Some(sample.listed.as_ref().map(|()| sample))
}

fn texts(subjects: &[Subject]) -> Vec<&str> {
    subjects.iter().map(Subject::as_str).collect()
}

/// Checks that no subject has two live subscriptions that charge for a plan.
pub(super) fn double_subscriptions<'a>(inspection: &Inspection<'a>) -> Option<CheckOutcome<'a>> {
    let sample = sample(inspection).filter(|_| inspection.document.reads_stripe())?;
    Some(sample.map(|sample| match sample.double_subscriptions.as_slice() {
        [] => CheckVerdict::ok(format!(
            "none of {} has two live subscriptions",
            counted(sample.compared, "subject")
        )),
        double => CheckVerdict::warning(
            format!("several live subscriptions charge {} for a plan", listed(&texts(double))),
            "cancel and refund those that are not meant",
        ),
    }))
}

/// Checks that each live subscription names its owner.
pub(super) fn subscription_owners<'a>(inspection: &Inspection<'a>) -> Option<CheckOutcome<'a>> {
    let sample = sample(inspection).filter(|_| inspection.document.reads_stripe())?;
    Some(sample.map(|sample| {
        let unowned: Vec<&str> = sample.unowned.iter().map(|id| id.as_str()).collect();
        match unowned.as_slice() {
            [] => CheckVerdict::ok("the live subscriptions name their owners"),
            unowned => CheckVerdict::warning(
                format!("live subscriptions that name no user or organization: {}", listed(unowned)),
                "put the Clerk id into the subscription's metadata, under a key of `subject_keys`",
            ),
        }
    }))
}

/// Checks that the plans at Clerk are those that the sources of plans grant.
pub(super) fn plans_in_step<'a>(inspection: &Inspection<'a>) -> Option<CheckOutcome<'a>> {
    Some(sample(inspection)?.and_then(|sample| match (sample.differing.as_slice(), &sample.first_failure) {
        ([], None) => {
            Ok(CheckVerdict::ok(format!("{} compared, none differs", counted(sample.compared, "subject"))))
        }
        ([], Some(error)) => Err(error),
        (differing, _) => Ok(CheckVerdict::warning(
            format!(
                "the records at Clerk of {} differ from what is paid, of {} compared",
                listed(&texts(differing)),
                sample.compared
            ),
            "show and apply the differences with `tollgate sync --all --config FILE`",
        )),
    }))
}
