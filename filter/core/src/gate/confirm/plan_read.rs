//! The reads of plans from Clerk that are in progress: of the record, of the billing subscription, or of
//! both.
//!
//! Both are requested at the same time, and the higher plan counts. If one of them cannot be read, nothing is
//! confirmed: the plan that it would show may be the higher one, or the only one.

use super::confirmations::{Confirmation, ConfirmedPlan};
use crate::config::ClaimSource;
use crate::ids::Subject;
use crate::machine::InquiryId;
use crate::plan_table::{PlanTable, Rank};
use crate::time::Micros;

/// A source of the plan at Clerk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) enum ConfirmSource {
    /// The plan in the record of the user or organization.
    Record,
    /// The billing subscription.
    BillingSubscription,
}

impl ConfirmSource {
    /// Returns the sources that confirm what these claims of a token show.
    pub(super) fn of_claims(claims: &[ClaimSource]) -> &'static [ConfirmSource] {
        let is_billing = |claim: &ClaimSource| *claim == ClaimSource::ClerkBilling;
        match (claims.iter().any(is_billing), claims.iter().all(is_billing)) {
            (false, _) => &[ConfirmSource::Record],
            (true, true) => &[ConfirmSource::BillingSubscription],
            (true, false) => &[ConfirmSource::Record, ConfirmSource::BillingSubscription],
        }
    }
}

/// The grant of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SourceGrant {
    pub(super) plan: ConfirmedPlan,
    /// The end of its grace period.
    pub(super) grace_until: Option<Micros>,
}

/// The read of one subject's plan.
#[derive(Debug)]
struct PlanRead {
    subject: Subject,
    requested_at: Micros,
    /// The inquiries in progress.
    inquiries: Vec<InquiryId>,
    /// The highest grant of the sources that have responded.
    grant: Option<SourceGrant>,
    has_failed: bool,
}

/// The reads in progress.
#[derive(Debug, Default)]
pub(super) struct PlanReads(Vec<PlanRead>);

impl PlanReads {
    /// Returns an inquiry about a subject that is in progress.
    pub(super) fn in_progress(&self, subject: &Subject) -> Option<InquiryId> {
        let read = self.0.iter().find(|read| read.subject == *subject)?;
        read.inquiries.first().copied()
    }

    /// Records that the inquiries about a subject are about to start.
    pub(super) fn begin(&mut self, subject: Subject, inquiries: Vec<InquiryId>, requested_at: Micros) {
        self.0.push(PlanRead { subject, requested_at, inquiries, grant: None, has_failed: false });
    }

    /// Records that an inquiry has ended; `grant` is `None` if it failed. Returns the confirmation once all
    /// sources have responded.
    pub(super) fn end(
        &mut self,
        inquiry: InquiryId,
        grant: Option<SourceGrant>,
        plans: &PlanTable,
        now: Micros,
    ) -> Option<(Subject, Confirmation)> {
        let index = self.0.iter().position(|read| read.inquiries.contains(&inquiry))?;
        let read = self.0.get_mut(index)?;
        read.inquiries.retain(|known| *known != inquiry);
        read.has_failed |= grant.is_none();
        read.grant = match (read.grant, grant) {
            (Some(one), Some(other)) => Some(one.or_higher(other, plans, now)),
            (one, other) => one.or(other),
        };
        if !read.inquiries.is_empty() {
            return None;
        }
        let PlanRead { subject, requested_at, grant, has_failed, .. } = self.0.swap_remove(index);
        let SourceGrant { plan, grace_until } = grant.filter(|_| !has_failed)?;
        Some((subject, Confirmation { requested_at, plan, grace_until }))
    }
}

impl SourceGrant {
    /// Returns the higher of two grants. Of equal ones, the one that holds longer.
    fn or_higher(self, other: SourceGrant, plans: &PlanTable, now: Micros) -> SourceGrant {
        use ConfirmedPlan::{AtLeast, Plan, Unknown};
        let (one, other) = (self.at(plans, now), other.at(plans, now));
        match (one.plan, other.plan) {
            // A plan that is not in the document may be higher, so the other one only raises the token's
            // plan.
            (Unknown { .. }, Unknown { .. }) => one,
            (Unknown { .. }, Plan(rank) | AtLeast(rank)) => one.unless_above_default(rank, other, plans),
            (Plan(rank) | AtLeast(rank), Unknown { .. }) => other.unless_above_default(rank, one, plans),
            (Plan(a) | AtLeast(a), Plan(b) | AtLeast(b)) => {
                let end = |grant: SourceGrant| grant.grace_until.unwrap_or(Micros::MAX);
                let higher = if (b, end(other)) > (a, end(one)) { other } else { one };
                let rank = a.max(b);
                let is_exact = matches!((one.plan, other.plan), (Plan(_), Plan(_)));
                SourceGrant { plan: if is_exact { Plan(rank) } else { AtLeast(rank) }, ..higher }
            }
        }
    }

    /// Returns `self`, which has an unknown plan, or the least plan `rank` of `other` if that is above the
    /// default.
    fn unless_above_default(self, rank: Rank, other: SourceGrant, plans: &PlanTable) -> Self {
        match rank == plans.default_rank() {
            true => self,
            false => SourceGrant { plan: ConfirmedPlan::AtLeast(rank), ..other },
        }
    }

    /// Returns what the grant is at the time `now`: after its grace period, the default plan.
    fn at(self, plans: &PlanTable, now: Micros) -> SourceGrant {
        if self.grace_until.is_none_or(|end| now < end) {
            return self;
        }
        let plan = match self.plan {
            ConfirmedPlan::Plan(_) => ConfirmedPlan::Plan(plans.default_rank()),
            ConfirmedPlan::AtLeast(_) => ConfirmedPlan::AtLeast(plans.default_rank()),
            unknown @ ConfirmedPlan::Unknown { .. } => unknown,
        };
        SourceGrant { plan, grace_until: None }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::plan_table::Plan;

    const NOW_S: u64 = 1_800_000_000;

    fn plans() -> PlanTable {
        let plan = |name: &str| Plan { name: name.to_owned(), ..Plan::default() };
        PlanTable::new(plan("free"), vec![plan("pro"), plan("enterprise")])
    }

    fn rank(name: &str) -> Rank {
        plans().rank_of(name).unwrap()
    }

    fn grant(plan: ConfirmedPlan, grace_s: Option<u64>) -> SourceGrant {
        SourceGrant { plan, grace_until: grace_s.map(|after_s| Micros::from_secs(NOW_S + after_s)) }
    }

    #[test]
    fn the_higher_grant_counts_in_either_order() {
        use ConfirmedPlan::{AtLeast, Plan, Unknown};
        let (free, pro, enterprise) = (rank("free"), rank("pro"), rank("enterprise"));
        let unknown = Unknown { name_hash: 7 };
        let now = Micros::from_secs(NOW_S);
        let cases = [
            ("the higher", (Plan(pro), None), (Plan(enterprise), Some(9)), (Plan(enterprise), Some(9))),
            ("after its grace period", (Plan(pro), None), (Plan(enterprise), Some(0)), (Plan(pro), None)),
            ("equal, without an end", (Plan(pro), None), (Plan(pro), Some(9)), (Plan(pro), None)),
            ("equal, the later end", (Plan(pro), Some(8)), (Plan(pro), Some(9)), (Plan(pro), Some(9))),
            ("at least a lower one", (AtLeast(free), None), (Plan(pro), None), (AtLeast(pro), None)),
            (
                "at least a higher one",
                (AtLeast(enterprise), None),
                (Plan(pro), None),
                (AtLeast(enterprise), None),
            ),
            ("unknown, and the default plan", (unknown, None), (Plan(free), None), (unknown, None)),
            ("unknown, and a plan", (unknown, None), (Plan(pro), Some(9)), (AtLeast(pro), Some(9))),
            ("unknown, and at least a plan", (unknown, None), (AtLeast(pro), None), (AtLeast(pro), None)),
        ];
        for (why, one, other, want) in cases {
            let [one, other, want] = [one, other, want].map(|(plan, grace_s)| grant(plan, grace_s));
            assert_eq!(one.or_higher(other, &plans(), now), want, "{why}");
            assert_eq!(other.or_higher(one, &plans(), now), want, "{why}, in the other order");
        }
    }

    #[test]
    fn a_read_ends_with_its_last_response_and_a_failure_confirms_nothing() {
        let subject = Subject::parse("user_1").unwrap();
        let (now, plans) = (Micros::from_secs(NOW_S), plans());
        let pro = Some(grant(ConfirmedPlan::Plan(rank("pro")), None));
        for (responses, confirms) in [([pro, pro], true), ([pro, None], false), ([None, pro], false)] {
            let mut reads = PlanReads::default();
            reads.begin(subject.clone(), vec![InquiryId(1), InquiryId(2)], now);
            assert!(reads.end(InquiryId(1), responses[0], &plans, now).is_none());
            assert_eq!(reads.in_progress(&subject), Some(InquiryId(2)));
            let confirmed = reads.end(InquiryId(2), responses[1], &plans, now);
            assert_eq!(confirmed.map(|(subject, _)| subject), confirms.then(|| subject.clone()));
            assert_eq!(reads.in_progress(&subject), None);
            assert!(reads.end(InquiryId(2), pro, &plans, now).is_none(), "it has ended");
        }
    }
}
