//! Computes the record that Clerk should have of a subject from what was read at Stripe.

use super::customer_list::SubjectCustomers;
use super::paid_plans;
use super::stripe_state::{RecordedSubscription, StripeState, SubjectRecord, recorded};
use super::target_plan::{Reliability, target_plan};
use crate::clerk::metadata::Record;
use crate::config::UnmappedPrice;
use crate::ids::{CustomerId, Subject, SubscriptionId};
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::sorted::{SortedMap, SortedSet};
use crate::stripe::plan::{Evidence, GrantedPlan, Products, Resolution, SoldPlan};
use crate::stripe::subscription::{Subscription, SubscriptionStatus};
use crate::sync::api_request::NoteOwner;
use crate::sync::findings::SyncFindings;
use crate::sync::ownership::{NamedSubject, Via};
use crate::sync::state::SyncState;
use crate::time::Micros;

/// The target of one subject's sync.
#[derive(Debug)]
pub(crate) struct TargetRecord {
    /// The record that Clerk should have.
    pub(crate) record: Record,
    /// The notes to write at Stripe, so that no Checkout Session has to be read again.
    pub(crate) notes: Vec<NoteOwner>,
    /// The creation time of the granting subscription, in seconds since the Unix epoch.
    pub(crate) granting_since_s: Option<u64>,
    /// Whether a subscription with an unmapped price could change the plan, and `unmapped_price` is `retry`.
    pub(crate) awaits_mapping: bool,
}

impl TargetRecord {
    /// Returns the target with this record, without any data of Stripe.
    pub(super) fn from_record(record: Record) -> Self {
        TargetRecord { record, notes: Vec::new(), granting_since_s: None, awaits_mapping: false }
    }
}

impl StripeState {
    /// Returns the subject's target, as if Stripe were the only source of plans.
    pub(crate) fn target_record(
        &self,
        state: &SyncState,
        findings: &mut SyncFindings,
        subject_record: SubjectRecord<'_>,
        now: Micros,
    ) -> TargetRecord {
        let SubjectRecord { subject, current, trusted } = subject_record;
        let owned = self.owned(state, findings, subject, now);
        // An ended subscription must not remove a plan that was granted manually since.
        let is_trusted = |(found, named): &(&Subscription, NamedSubject)| {
            named.via == Via::Metadata && found.status.is_live()
        };
        let trusted = trusted || owned.iter().any(is_trusted);
        let subscriptions: Vec<_> = owned.iter().map(|(subscription, _)| *subscription).collect();
        let products = state.products.fresh(now);
        let evidence = Evidence {
            subscriptions: &subscriptions,
            products: &products,
            open_invoices: &self.open_invoices,
        };
        let recorded = recorded(state, current);
        let resolution = state.plan_rules().resolve(now, &evidence, &recorded);
        let granting = resolution.granting.as_ref().and_then(|id| self.subscriptions.get(id));
        let granting_since_s = granting.map(|subscription| subscription.created_s);
        let is_unclear = self.recorded_is_unclear(current);
        // A session that was not read may name the subject.
        let may_grant_more = self.unclaimed_grants_more(state, findings, &resolution, subject_record, now);
        let complete = self.complete && !may_grant_more;
        let reliability = Reliability { trusted, complete, recorded_is_unclear: is_unclear };
        let target = target_plan(&state.plans, current, &resolution, reliability);
        // Anyone can start a trial in the subject's name with a payment link.
        let had_trial = owned.iter().any(|(subscription, named)| {
            named.via == Via::Metadata && subscription.changes.trial_start_s.is_some()
        });
        let target = Record { trial_used: current.trial_used || had_trial, ..target };
        let granted = match resolution.plan {
            GrantedPlan::Known(rank) => Some(&state.plans.get(rank).name),
            GrantedPlan::AsRecorded => None,
        };
        if may_grant_more && target == *current && granted != current.plan.as_ref() {
            let unclaimed = self.unclaimed(state, findings, now);
            if let Some(first) = unclaimed.first() {
                findings.missing_sessions.insert(subject.clone(), first.id.clone());
            }
        }
        let awaits_mapping = state.settings.unmapped_price == UnmappedPrice::Retry
            && awaits_mapping(&resolution, &owned, &target, &state.plans);
        findings.double_subscriptions.remove(subject);
        let plan_subscriptions = plan_subscriptions(state, &owned, &products);
        if state.settings.one_subscription && plan_subscriptions.len() > 1 {
            findings.double_subscriptions.insert(subject.clone(), plan_subscriptions);
        }
        let customers = self.customers(&owned, current, target.granted_by.as_ref());
        if let Some(customer) = customers.first_not_listed() {
            findings.too_many_customers.insert(subject.clone(), customer.clone());
        }
        let notes = self.notes(state, findings, subject, now);
        findings.plan_alarms.extend(resolution.alarms);
        // A record that a gateway with another Stripe account or mode has written is left unchanged.
        let is_foreign = self.recorded == RecordedSubscription::Unknown && target == *current;
        let target = match is_foreign {
            true => target,
            false => customers.update_lists(
                current,
                self.with_paid_plans(&state.plans, &owned, current, target, &resolution.paid),
            ),
        };
        TargetRecord { record: target, notes, granting_since_s, awaits_mapping }
    }

    /// Returns the target with the last paid plans of the granting subscription and of past-due ones. Those
    /// whose owner metadata names come first.
    fn with_paid_plans(
        &self,
        plans: &PlanTable,
        owned: &[(&Subscription, NamedSubject)],
        current: &Record,
        target: Record,
        paid: &SortedMap<SubscriptionId, Rank>,
    ) -> Record {
        // A paid subscription needs no entry: Stripe shows what it grants.
        let is_past_due = |status: &SubscriptionStatus| {
            status.is_live() && !matches!(status, SubscriptionStatus::Active | SubscriptionStatus::Trialing)
        };
        let mut live: Vec<_> =
            owned.iter().filter(|(subscription, _)| is_past_due(&subscription.status)).collect();
        live.sort_by_key(|(subscription, named)| (named.via, &subscription.id));
        let live = live.into_iter().map(|(subscription, _)| &subscription.id);
        let is_not_read = |id: &SubscriptionId| !self.complete && !self.subscriptions.contains_key(id);
        paid_plans::with_paid_plans(plans, current, target, paid, live, is_not_read)
    }

    /// Returns the notes to write on the subject's subscriptions, and records disagreements between the
    /// merchant's claims.
    fn notes(
        &self,
        state: &SyncState,
        findings: &mut SyncFindings,
        subject: &Subject,
        now: Micros,
    ) -> Vec<NoteOwner> {
        let mut notes = Vec::new();
        for subscription in self.subscriptions.values() {
            let claims = findings.claims(state, subscription, now);
            if !claims.note_is_managed_by(subject) {
                continue;
            }
            findings.record_disagreement(subscription, &claims);
            // An ended subscription is hardly ever read again, so it needs no note.
            if subscription.status.is_live() && findings.may_write_note(&subscription.id) {
                let note = |change| NoteOwner { subscription: subscription.id.clone(), change };
                notes.extend(claims.note_change.map(note));
            }
        }
        notes
    }

    /// Returns whether the subscriptions without a known owner would grant a higher plan if they belonged to
    /// the subject.
    fn unclaimed_grants_more(
        &self,
        state: &SyncState,
        findings: &SyncFindings,
        resolution: &Resolution,
        subject_record: SubjectRecord<'_>,
        now: Micros,
    ) -> bool {
        let subscriptions = self.unclaimed(state, findings, now);
        let products = state.products.fresh(now);
        let evidence = Evidence {
            subscriptions: &subscriptions,
            products: &products,
            open_invoices: &self.open_invoices,
        };
        let granted = state.plan_rules().resolve(now, &evidence, &recorded(state, subject_record.current));
        match (granted.plan, resolution.plan) {
            (GrantedPlan::Known(unclaimed), GrantedPlan::Known(rank)) => unclaimed > rank,
            (GrantedPlan::AsRecorded, GrantedPlan::Known(_)) => true,
            (_, GrantedPlan::AsRecorded) => false,
        }
    }

    /// Returns the subject's customers. The granting subscription's customer comes first, because without it
    /// the plan would be lost. Then come the strongest claims. Among equal claims, customers already in the
    /// list come first, so that the list does not change with each set of customers that is read.
    fn customers(
        &self,
        owned: &[(&Subscription, NamedSubject)],
        current: &Record,
        granting: Option<&SubscriptionId>,
    ) -> SubjectCustomers {
        let live = owned.iter().filter(|(subscription, _)| subscription.status.is_live());
        let granting = granting.and_then(|id| self.subscriptions.get(id)).map(|granting| &granting.customer);
        let claims: SortedSet<_> = live
            .map(|(subscription, named)| {
                let customer = &subscription.customer;
                (granting != Some(customer), named.via, !current.customers.contains(customer), customer)
            })
            .collect();
        let mut live: Vec<CustomerId> = Vec::new();
        for (.., customer) in &claims {
            if !live.contains(customer) {
                live.push((*customer).clone());
            }
        }
        SubjectCustomers { live, read: self.customers.difference(&self.partly_read).cloned().collect() }
    }
}

/// Returns the live subscriptions that sell a plan and whose owner is the subject according to the merchant's
/// metadata.
fn plan_subscriptions(
    state: &SyncState,
    owned: &[(&Subscription, NamedSubject)],
    products: &Products,
) -> Vec<SubscriptionId> {
    let catalog = state.plan_rules().catalog;
    let sells_plan =
        |subscription: &Subscription| SoldPlan::new(subscription, &catalog, products).rank().is_some();
    let live = owned.iter().filter(|(subscription, named)| {
        named.via == Via::Metadata && subscription.status.is_live() && sells_plan(subscription)
    });
    live.map(|(subscription, _)| subscription.id.clone()).collect()
}

/// Returns whether a subscription with an unmapped price could change the target: it could grant a higher
/// plan, or the target keeps its plan. A subscription that only a `client_reference_id` links to the subject
/// does not count, so that a payer cannot delay events.
fn awaits_mapping(
    resolution: &Resolution,
    owned: &[(&Subscription, NamedSubject)],
    target: &Record,
    plans: &PlanTable,
) -> bool {
    let target_plan = plans.recorded(target.plan.as_deref());
    // A plan that is not in the configuration is kept even if other subscriptions grant a plan.
    let is_unknown = matches!(target_plan, RecordedPlan::Unknown(_));
    let is_highest = is_unknown || plans.iter().all(|(rank, _)| target_plan.may_be_at_least(rank));
    resolution.unmapped().any(|id| {
        let named = owned.iter().find(|(subscription, _)| subscription.id == *id);
        let is_trusted = named.is_some_and(|(_, named)| named.via == Via::Metadata);
        is_trusted && (!is_highest || resolution.granting.as_ref() == Some(id))
    })
}
