//! What the audit says happened, and how that follows from a change of a record.

use crate::clerk::metadata::Record;
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::sync::subject::RecordChange;
use serde::{Serialize, Serializer};
use std::cmp::Ordering;

/// What happened, as a line of the audit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuditAction {
    /// A subject's record was changed.
    Plan(PlanAction),
    /// A payment failed.
    PaymentFailed,
}

/// What happened to a subject's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanAction {
    /// Its first paid plan.
    Created,
    /// A higher plan.
    Upgraded,
    /// A lower plan that is paid for.
    Downgraded,
    /// The same plan; what is shown of its subscription changed.
    StatusUpdated,
    /// The default plan, since nothing grants any other.
    Deactivated,
}

impl AuditAction {
    /// Returns the word for it.
    fn as_str(self) -> &'static str {
        match self {
            AuditAction::Plan(PlanAction::Created) => "created",
            AuditAction::Plan(PlanAction::Upgraded) => "upgraded",
            AuditAction::Plan(PlanAction::Downgraded) => "downgraded",
            AuditAction::Plan(PlanAction::StatusUpdated) => "status_updated",
            AuditAction::Plan(PlanAction::Deactivated) => "deactivated",
            AuditAction::PaymentFailed => "payment_failed",
        }
    }
}

impl Serialize for AuditAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Each with the number by which shared data remember it.
const NUMBERS: [(u8, PlanAction); 5] = [
    (1, PlanAction::Created),
    (2, PlanAction::Upgraded),
    (3, PlanAction::Downgraded),
    (4, PlanAction::StatusUpdated),
    (5, PlanAction::Deactivated),
];

impl PlanAction {
    /// Returns the number by which it is remembered.
    pub(crate) fn number(self) -> u8 {
        NUMBERS.iter().find(|(_, action)| *action == self).map_or(0, |(number, _)| *number)
    }

    /// Returns the action of that number.
    pub(crate) fn of_number(number: u8) -> Option<Self> {
        NUMBERS.iter().find(|(known, _)| *known == number).map(|(_, action)| *action)
    }
}

/// What the audit tells of a change, besides what is shown after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditEntry {
    /// What happens by it.
    pub(crate) action: PlanAction,
    /// The plan before it.
    pub(crate) old_plan: Option<String>,
}

impl AuditEntry {
    /// Returns the same change, to what is shown now, seen from another plan than the one that it goes from.
    pub(crate) fn rebased(self, old_plan: Option<String>, shown: &Record, plans: &PlanTable) -> Self {
        let cause = match self.action {
            PlanAction::Created => Cause::First,
            PlanAction::StatusUpdated => Cause::Same,
            PlanAction::Upgraded | PlanAction::Downgraded | PlanAction::Deactivated => Cause::Other,
        };
        let action = step(old_plan.as_deref(), shown, cause, plans);
        AuditEntry { action, old_plan }
    }
}

/// Returns what the audit tells of a change; `None` if only Tollgate's own notes changed.
pub(crate) fn audit_entry(change: &RecordChange, plans: &PlanTable) -> Option<AuditEntry> {
    Some(AuditEntry { action: action(change, plans)?, old_plan: change.from.plan.clone() })
}

/// Returns what happened by a change; `None` if only Tollgate's own notes changed.
fn action(change: &RecordChange, plans: &PlanTable) -> Option<PlanAction> {
    let cause = match (&change.from.granted_by, &change.to.granted_by) {
        (None, _) => Cause::First,
        (from, to) if from == to => Cause::Same,
        _ => Cause::Other,
    };
    let action = step(change.from.plan.as_deref(), &change.to, cause, plans);
    let shows_the_same =
        change.from.subscription == change.to.subscription && change.from.plan == change.to.plan;
    (action != PlanAction::StatusUpdated || !shows_the_same).then_some(action)
}

/// What grants the plan after a step, seen from what granted the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Nothing did before.
    First,
    /// The same subscription.
    Same,
    /// Another subscription, or nothing any more.
    Other,
}

/// Returns what happens by the step from a plan to what is shown then.
fn step(from: Option<&str>, to: &Record, cause: Cause, plans: &PlanTable) -> PlanAction {
    let default = plans.default_rank();
    let order = match (plans.recorded(from), plans.recorded(to.plan.as_deref())) {
        _ if from == to.plan.as_deref() => Ordering::Equal,
        (RecordedPlan::Unknown(_), RecordedPlan::Known(new)) if new > default => match cause {
            Cause::First => return PlanAction::Created,
            // By another name, or for another price: which of the two is more is not known here.
            Cause::Same => Ordering::Equal,
            Cause::Other => Ordering::Less,
        },
        (RecordedPlan::Unknown(_), _) | (_, RecordedPlan::Unknown(_)) => Ordering::Less,
        (old, new) => rank(new, plans).cmp(&rank(old, plans)),
    };
    match order {
        Ordering::Greater
            if cause == Cause::First && from.is_none_or(|from| plans.rank_of(from) == Some(default)) =>
        {
            PlanAction::Created
        }
        Ordering::Greater => PlanAction::Upgraded,
        Ordering::Less if to.granted_by.is_none() && shows_default(to, plans) => PlanAction::Deactivated,
        Ordering::Less => PlanAction::Downgraded,
        Ordering::Equal => PlanAction::StatusUpdated,
    }
}

fn rank(plan: RecordedPlan<'_>, plans: &PlanTable) -> Rank {
    match plan {
        RecordedPlan::Known(rank) => rank,
        RecordedPlan::None | RecordedPlan::Unknown(_) => plans.default_rank(),
    }
}

fn shows_default(record: &Record, plans: &PlanTable) -> bool {
    !plans.recorded(record.plan.as_deref()).is_above_default()
}
