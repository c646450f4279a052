//! The delivery of events to a webhook endpoint: <https://docs.stripe.com/webhooks#behaviors>. What the
//! endpoint does not answer with 2xx is sent again, signed anew, until it does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tollgate_fixtures::Random;

use super::FakeStripe;
use super::events::Event;
use super::service::Stripe;
use crate::fakes::server::unix_now;

/// The time between a failed attempt and the next one, instead of Stripe's hours.
const RETRY: Duration = Duration::from_millis(20);
/// The maximum duration of an attempt.
const ATTEMPT_MAX: Duration = Duration::from_secs(20);
/// The time for which [`EventDelivery::finish`] waits before it fails the test.
const WAIT_MAX: Duration = Duration::from_secs(60);

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
        }
    }
}

/// An attempt to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// The event's id.
    pub event: String,
    /// The event's type.
    pub kind: String,
    /// The status of the response; `None` if there was none.
    pub status: Option<u16>,
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
    attempts: Arc<Mutex<Vec<DeliveryAttempt>>>,
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
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let taken = self.stripe.state().account.events.len();
        let (sender, progress) = watch::channel(DeliveryProgress { taken, open: 0 });
        let seed = match settings.order {
            DeliveryOrder::Created => 0,
            DeliveryOrder::Shuffled(seed) => seed,
        };
        let sending = Sending {
            stripe: Arc::clone(&self.stripe),
            client: Client::builder().no_proxy().timeout(ATTEMPT_MAX).build().expect("an HTTP client"),
            settings,
            random: Random::from_seed(seed),
            waiting: VecDeque::new(),
            taken,
            started: 0,
            attempts: Arc::clone(&attempts),
            progress: sender,
        };
        let events = self.stripe.events.subscribe();
        EventDelivery { task: tokio::spawn(sending.run()), attempts, progress, events }
    }
}

impl EventDelivery {
    /// Waits until all events so far were delivered.
    ///
    /// # Panics
    /// If they were not after a minute.
    pub async fn finish(&self) {
        let created = *self.events.borrow();
        let mut progress = self.progress.clone();
        let is_done = |progress: &DeliveryProgress| progress.taken >= created && progress.open == 0;
        let done = tokio::time::timeout(WAIT_MAX, progress.wait_for(is_done)).await;
        assert!(done.is_ok(), "events are still not delivered: {:?}", self.attempts());
    }

    /// Returns all attempts so far, in order.
    pub fn attempts(&self) -> Vec<DeliveryAttempt> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The state of the task that delivers.
struct Sending {
    stripe: Arc<Stripe>,
    client: Client,
    settings: DeliverySettings,
    random: Random,
    waiting: VecDeque<Event>,
    taken: usize,
    /// The number of attempts that were started.
    started: usize,
    attempts: Arc<Mutex<Vec<DeliveryAttempt>>>,
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
        let new = self.stripe.state().account.events[self.taken..].to_vec();
        self.taken += new.len();
        for event in new {
            if self.random.percent(self.settings.duplicates_percent) {
                self.waiting.push_back(event.clone());
            }
            self.waiting.push_back(event);
        }
    }

    /// Takes an event that waits, and returns an attempt to deliver it. Its result is the event if the
    /// attempt fails.
    fn attempt_next(&mut self) -> impl Future<Output = Option<Event>> + use<> {
        let index = match self.settings.order {
            DeliveryOrder::Created => 0,
            DeliveryOrder::Shuffled(_) => self.random.below(self.waiting.len()),
        };
        let event = self.waiting.remove(index).expect("an event waits");
        let url = &self.settings.urls[self.started % self.settings.urls.len()];
        self.started += 1;
        let (body, signature) = event.signed(&[&self.settings.secret], unix_now());
        let request = self.client.post(url).header("stripe-signature", signature);
        let request = request.header("content-type", "application/json; charset=utf-8").body(body);
        let attempts = Arc::clone(&self.attempts);
        async move {
            let response = request.send().await;
            let status = response.ok().map(|response| response.status().as_u16());
            let attempt = DeliveryAttempt {
                event: event.event_id().to_owned(),
                kind: event.json["type"].as_str().unwrap_or_default().to_owned(),
                status,
            };
            attempts.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
            if status.is_some_and(|status| (200..300).contains(&status)) {
                return None;
            }
            tokio::time::sleep(RETRY).await;
            Some(event)
        }
    }
}
