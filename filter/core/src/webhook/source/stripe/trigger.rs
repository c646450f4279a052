//! What a Stripe event says of whose state may have changed. Nobody gets anything by it.

use crate::config::SyncSettings;
use crate::ids::Subject;
use crate::stripe::event::{Event, EventKind};
use crate::sync::{About, OwnerNote, Trigger, Via, named_before, named_in, named_in_event};

/// Returns the trigger of the sync that an event asks for; `None` if it needs no work.
pub(super) fn trigger(event: &Event, settings: &SyncSettings) -> Option<Trigger> {
    let names = &event.names;
    let about = match event.kind {
        EventKind::NoWork => return None,
        EventKind::Customer => About::Customer(names.customer.clone()?),
        EventKind::CheckoutSession | EventKind::Subscription | EventKind::Invoice => {
            About::Subscription(names.subscription.clone()?)
        }
    };
    let mut trigger = Trigger {
        event: Some(event.id.clone().into()),
        customer: names.customer.clone(),
        is_checkout: event.kind == EventKind::CheckoutSession,
        skipped: names.skipped.clone(),
        payment_failure: names.payment_failure.clone(),
        ..Trigger::new(&event.event_type, about)
    };
    read_subscription(&mut trigger, event, settings);
    let keys = &settings.subject_keys;
    // Only a subscription's metadata carry notes: whatever stands elsewhere is the seller's.
    if event.kind != EventKind::Subscription {
        for metadata in [&names.metadata, &names.previous_metadata] {
            let finding = named_in(metadata, keys);
            trigger.unfit.extend(finding.unfit);
            finding.subject.into_iter().for_each(|subject| trigger.name(subject, Via::Metadata));
        }
    }
    let reference = names.client_reference_id.as_deref().filter(|_| settings.client_reference_id);
    if let Some(Ok(subject)) = reference.map(Subject::parse) {
        trigger.name(subject, Via::Reference);
    }
    Some(trigger)
}

/// Adds whom the subscription's metadata name, as a subscription or an invoice shows them, and whom they
/// named before.
fn read_subscription(trigger: &mut Trigger, event: &Event, settings: &SyncSettings) {
    let (names, keys) = (&event.names, &settings.subject_keys);
    let own = match event.kind {
        EventKind::Subscription => &names.metadata,
        EventKind::Invoice => &names.subscription_metadata,
        EventKind::CheckoutSession | EventKind::Customer | EventKind::NoWork => return,
    };
    let (named, unfit) = named_in_event(own, keys);
    let has_note = OwnerNote::read(own).is_ok_and(|note| note.is_some());
    let changed = event.kind == EventKind::Subscription && names.metadata_changed;
    let names_itself = named.iter().any(|named| named.via == Via::Metadata);
    // Keys that were set just now may hide whom the session names: the owner until then.
    trigger.names_owner = has_note || (names_itself && !changed);
    trigger.unfit.extend(unfit);
    named.into_iter().for_each(|named| trigger.name(named.subject, named.via));
    if event.kind == EventKind::Subscription {
        let (before, unfit) = named_before(&names.previous_metadata, own, keys);
        trigger.unfit.extend(unfit);
        before.into_iter().for_each(|named| trigger.name(named.subject, named.via));
    }
}
