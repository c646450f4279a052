//! Turns a Stripe event into the trigger of a sync. The event only says whose state may have changed; it
//! grants nothing.

use crate::config::SyncSettings;
use crate::ids::Subject;
use crate::stripe::event::{Event, EventKind};
use crate::sync::{OwnerNote, Trigger, TriggerObject, Via, named_before, named_in, named_in_event};

/// Returns the trigger of the sync that an event needs; `None` if it needs no work.
pub(super) fn trigger(event: &Event, settings: &SyncSettings) -> Option<Trigger> {
    let names = &event.names;
    let object = match event.kind {
        EventKind::NoWork => return None,
        EventKind::Customer => TriggerObject::Customer(names.customer.clone()?),
        EventKind::CheckoutSession | EventKind::Subscription | EventKind::Invoice => {
            TriggerObject::Subscription(names.subscription.clone()?)
        }
    };
    let mut trigger = Trigger {
        event: Some(event.id.clone().into()),
        customer: names.customer.clone(),
        is_checkout: event.kind == EventKind::CheckoutSession,
        skipped: names.skipped.clone(),
        payment_failure: names.payment_failure.clone(),
        ..Trigger::new(&event.event_type, object)
    };
    read_subscription(&mut trigger, event, settings);
    let keys = &settings.subject_keys;
    // Only a subscription's metadata contains notes. All other metadata is written by the merchant.
    if event.kind != EventKind::Subscription {
        for metadata in [&names.metadata, &names.previous_metadata] {
            let finding = named_in(metadata, keys);
            trigger.invalid_keys.extend(finding.invalid_keys);
            finding.subject.into_iter().for_each(|subject| trigger.add_subject(subject, Via::Metadata));
        }
    }
    let reference = names.client_reference_id.as_deref().filter(|_| settings.client_reference_id);
    if let Some(Ok(subject)) = reference.map(Subject::parse) {
        trigger.add_subject(subject, Via::Reference);
    }
    Some(trigger)
}

/// Adds the subjects that the subscription's metadata names, and those that it named before the event. The
/// metadata is read from a subscription or an invoice.
fn read_subscription(trigger: &mut Trigger, event: &Event, settings: &SyncSettings) {
    let (names, keys) = (&event.names, &settings.subject_keys);
    let own = match event.kind {
        EventKind::Subscription => &names.metadata,
        EventKind::Invoice => &names.subscription_metadata,
        EventKind::CheckoutSession | EventKind::Customer | EventKind::NoWork => return,
    };
    let (named, invalid) = named_in_event(own, keys);
    let has_note = OwnerNote::read(own).is_ok_and(|note| note.is_some());
    let changed = event.kind == EventKind::Subscription && names.metadata_changed;
    let metadata_names_subject = named.iter().any(|named| named.via == Via::Metadata);
    // Keys that this event set may hide the subject that the session names, who owned the subscription until
    // now.
    trigger.names_owner = has_note || (metadata_names_subject && !changed);
    trigger.invalid_keys.extend(invalid);
    named.into_iter().for_each(|named| trigger.add_subject(named.subject, named.via));
    if event.kind == EventKind::Subscription {
        let (before, invalid) = named_before(&names.previous_metadata, own, keys);
        trigger.invalid_keys.extend(invalid);
        before.into_iter().for_each(|named| trigger.add_subject(named.subject, named.via));
    }
}
