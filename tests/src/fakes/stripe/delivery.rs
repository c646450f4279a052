//! The delivery of events to a webhook endpoint: <https://docs.stripe.com/webhooks#behaviors>. What the
//! endpoint does not answer with 2xx is sent again, signed anew, until it does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tollgate_fixtures::Random;

use super::FakeStripe;
use super::delivery_attempt::{DeliveryAttempt, DeliveryReason, EventSender};
use super::events::Event;
use super::service::Stripe;
use crate::waiting::WAIT_MAX;

/// The time between a failed attempt and the next one, unless a test sets another.
const RETRY: Duration = Duration::from_millis(20);

/// In which order events are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOrder {
    /// In the order in which they were created: one that fails holds up the others.
    Created,
    /// In an order that this seed decides.
    Shuffled(u64),
}

/// The endpoint to which events are delivered, and how.
#[derive(Clone, Debug)]
pub struct DeliverySettings {
    /// The URLs of the endpoint's replicas, which take turns.
    pub urls: Vec<String>,
    /// The signing secret, `whsec_…`.
    pub secret: String,
    /// The order of the events.
    pub order: DeliveryOrder,
    /// The percentage of events that are delivered twice.
    pub duplicates_percent: usize,
    /// The maximum number of deliveries in progress. With more than one, their order is not defined.
    pub at_once_max: usize,
    /// The time between a failed attempt and the next one, instead of Stripe's hours.
    pub retry_after: Duration,
}

impl DeliverySettings {
    /// Delivers each event once and in order.
    pub fn new(url: &str, secret: &str) -> Self {
        DeliverySettings {
            urls: vec![url.to_owned()],
            secret: secret.to_owned(),
            order: DeliveryOrder::Created,
            duplicates_percent: 0,
            at_once_max: 1,
            retry_after: RETRY,
        }
    }
}

/// The progress of the delivery of events.
#[derive(Clone, Copy, Debug, Default)]
struct DeliveryProgress {
    /// The number of events of the account that were taken for delivery.
    taken: usize,
    /// The number of deliveries that wait or are in progress.
    open: usize,
}

/// A running delivery; it stops when this is dropped.
#[derive(Debug)]
pub struct EventDelivery {
    task: JoinHandle<()>,
    sender: Arc<EventSender>,
    progress: watch::Receiver<DeliveryProgress>,
    events: watch::Receiver<usize>,
}

impl Drop for EventDelivery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeStripe {
    /// Delivers the events that requests, pages, actions, and the time lead to from now on. Deliveries are
    /// signed by the clock of this machine.
    pub fn deliver_events(&self, settings: DeliverySettings) -> EventDelivery {
        let taken = self.stripe.state().account.events.end();
        let sender = Arc::new(EventSender::new(&settings));
        let (progress_sender, progress) = watch::channel(DeliveryProgress { taken, open: 0 });
        let seed = match settings.order {
            DeliveryOrder::Created => 0,
            DeliveryOrder::Shuffled(seed) => seed,
        };
        let sending = Sending {
            stripe: Arc::clone(&self.stripe),
            sender: Arc::clone(&sender),
            settings,
            random: Random::from_seed(seed),
            waiting: VecDeque::new(),
            taken,
            progress: progress_sender,
        };
        let events = self.stripe.events.subscribe();
        EventDelivery { task: tokio::spawn(sending.run()), sender, progress, events }
    }
}

impl EventDelivery {
    /// Waits until all events so far were delivered.
    ///
    /// # Panics
    /// If they were not in [`WAIT_MAX`].
    pub async fn finish(&self) {
        let created = *self.events.borrow();
        let mut progress = self.progress.clone();
        let is_done = |progress: &DeliveryProgress| progress.taken >= created && progress.open == 0;
        let done = tokio::time::timeout(WAIT_MAX, progress.wait_for(is_done)).await;
        assert!(done.is_ok(), "events are still not delivered: {:?}", self.attempts());
    }

    /// Delivers an event once more, or a forged one, and returns the attempt. It is not repeated.
    pub async fn deliver(&self, event: &Event, reason: DeliveryReason) -> DeliveryAttempt {
        self.sender.attempt(event, reason).await
    }

    /// Returns the newest attempts, in the order in which they ended.
    pub fn attempts(&self) -> Vec<DeliveryAttempt> {
        self.sender.attempts()
    }

    /// Returns the number of attempts so far, and later changes of it.
    pub fn ended_attempts(&self) -> watch::Receiver<usize> {
        self.sender.ended()
    }
}

/// An event that waits for its next attempt.
struct WaitingEvent {
    event: Event,
    reason: DeliveryReason,
}

/// The state of the task that delivers.
struct Sending {
    stripe: Arc<Stripe>,
    sender: Arc<EventSender>,
    settings: DeliverySettings,
    random: Random,
    waiting: VecDeque<WaitingEvent>,
    taken: usize,
    progress: watch::Sender<DeliveryProgress>,
}

impl Sending {
    async fn run(mut self) {
        let mut events = self.stripe.events.subscribe();
        let mut under_way = JoinSet::new();
        loop {
            // Seen before they are taken, so none that comes meanwhile is missed.
            events.borrow_and_update();
            self.take_new();
            while under_way.len() < self.settings.at_once_max.max(1) && !self.waiting.is_empty() {
                under_way.spawn(self.attempt_next());
            }
            let open = under_way.len() + self.waiting.len();
            self.progress.send_replace(DeliveryProgress { taken: self.taken, open });
            tokio::select! {
                Some(ended) = under_way.join_next() => {
                    // An error is a panic, which the output of the test shows.
                    if let Ok(Some(event)) = ended {
                        self.waiting.push_front(event);
                    }
                }
                changed = events.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn take_new(&mut self) {
        let new: Vec<Event> = self.stripe.state().account.events.since(self.taken).cloned().collect();
        self.taken += new.len();
        for event in new {
            let first = WaitingEvent { event, reason: DeliveryReason::First };
            if self.random.percent(self.settings.duplicates_percent) {
                self.waiting.push_back(WaitingEvent { event: first.event.clone(), ..first });
            }
            self.waiting.push_back(first);
        }
    }

    /// Takes an event that waits, and returns an attempt to deliver it. Its result is the event if the
    /// attempt fails.
    fn attempt_next(&mut self) -> impl Future<Output = Option<WaitingEvent>> + use<> {
        let index = match self.settings.order {
            DeliveryOrder::Created => 0,
            DeliveryOrder::Shuffled(_) => self.random.below(self.waiting.len()),
        };
        let WaitingEvent { event, reason } = self.waiting.remove(index).expect("an event waits");
        let (sender, retry_after) = (Arc::clone(&self.sender), self.settings.retry_after);
        async move {
            if sender.attempt(&event, reason).await.is_accepted() {
                return None;
            }
            tokio::time::sleep(retry_after).await;
            Some(WaitingEvent { event, reason: DeliveryReason::Retry })
        }
    }
}
