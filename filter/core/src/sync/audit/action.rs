//! The actions that the audit logs, and how they follow from a change of a record.

use crate::clerk::metadata::Record;
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::sync::subject::RecordChange;
use serde::{Serialize, Serializer};
use std::cmp::Ordering;

/// The action that a line of the audit reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuditAction {
    /// A subject's record was changed.
    Plan(PlanAction),
    /// A payment failed.
    PaymentFailed,
}

/// A change of a subject's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanAction {
    /// The subject's first paid plan.
    Created,
    /// A higher plan.
    Upgraded,
    /// A lower plan that is paid for.
    Downgraded,
    /// The same plan with a change of its subscription's status or dates.
    StatusUpdated,
    /// The default plan, because no subscription grants another.
    Deactivated,
}

impl AuditAction {
    /// Returns the action's name in the log.
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

/// The number of each action in shared data.
const NUMBERS: [(u8, PlanAction); 5] = [
    (1, PlanAction::Created),
    (2, PlanAction::Upgraded),
    (3, PlanAction::Downgraded),
    (4, PlanAction::StatusUpdated),
    (5, PlanAction::Deactivated),
];

impl PlanAction {
    /// Returns the action's number in shared data.
    pub(crate) fn number(self) -> u8 {
        NUMBERS.iter().find(|(_, action)| *action == self).map_or(0, |(number, _)| *number)
    }

    /// Returns the action with this number in shared data.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        NUMBERS.iter().find(|(known, _)| *known == number).map(|(_, action)| *action)
    }
}

/// The part of an audit line that describes a change; the rest is read from the record after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditEntry {
    /// The action.
    pub(crate) action: PlanAction,
    /// The plan before the change.
    pub(crate) old_plan: Option<String>,
}

impl AuditEntry {
    /// Returns the entry of the change from `old_plan` to `shown`, instead of from this entry's old plan.
    pub(crate) fn rebased(self, old_plan: Option<String>, shown: &Record, plans: &PlanTable) -> Self {
        let cause = match self.action {
            PlanAction::Created => Cause::First,
            PlanAction::StatusUpdated => Cause::Same,
            PlanAction::Upgraded | PlanAction::Downgraded | PlanAction::Deactivated => Cause::Other,
        };
        let action = action_between(old_plan.as_deref(), shown, cause, plans);
        AuditEntry { action, old_plan }
    }
}

/// Returns the audit entry of a change; `None` if only Tollgate's own notes changed.
pub(crate) fn audit_entry(change: &RecordChange, plans: &PlanTable) -> Option<AuditEntry> {
    Some(AuditEntry { action: action(change, plans)?, old_plan: change.from.plan.clone() })
}

/// Returns the action of a change; `None` if only Tollgate's own notes changed.
fn action(change: &RecordChange, plans: &PlanTable) -> Option<PlanAction> {
    let cause = match (&change.from.granted_by, &change.to.granted_by) {
        (None, _) => Cause::First,
        (from, to) if from == to => Cause::Same,
        _ => Cause::Other,
    };
    let action = action_between(change.from.plan.as_deref(), &change.to, cause, plans);
    let is_unchanged =
        change.from.subscription == change.to.subscription && change.from.plan == change.to.plan;
    (action != PlanAction::StatusUpdated || !is_unchanged).then_some(action)
}

/// The relation of the subscription that grants the new plan to the one that granted the old plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// No subscription granted the old plan.
    First,
    /// The same subscription.
    Same,
    /// Another subscription, or none.
    Other,
}

/// Returns the action of a change from a plan to a record.
fn action_between(from: Option<&str>, to: &Record, cause: Cause, plans: &PlanTable) -> PlanAction {
    let default = plans.default_rank();
    let order = match (plans.recorded(from), plans.recorded(to.plan.as_deref())) {
        _ if from == to.plan.as_deref() => Ordering::Equal,
        (RecordedPlan::Unknown(_), RecordedPlan::Known(new)) if new > default => match cause {
            Cause::First => return PlanAction::Created,
            // The old plan is not in this configuration, so it is unknown which of the two is higher.
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
