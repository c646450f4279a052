//! One attempt to deliver an event to a webhook endpoint, and its outcome.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::watch;

use super::delivery::DeliverySettings;
use super::events::Event;
use crate::fakes::bounded_log::BoundedLog;
use crate::fakes::server::{unix_now, unix_now_ms};

/// The maximum number of attempts that are listed: the newest.
const ATTEMPTS_MAX: usize = 1_000;
/// The maximum duration of an attempt.
const ATTEMPT_MAX: Duration = Duration::from_secs(20);
/// The age of the signature of a late delivery, in seconds: endpoints accept five minutes.
const LATE_S: i64 = 600;
/// The secret that signs a forged event.
const FORGED_SECRET: &str = "whsec_guessed";

/// Why an attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryReason {
    /// The event is new.
    First,
    /// The attempt before failed.
    Retry,
    /// Someone resends an event in the dashboard, or Stripe delivers it twice: the same bytes, signed anew.
    Again,
    /// The same bytes with a signature made ten minutes ago, as of a delivery that was recorded and replayed.
    Late,
    /// Someone who does not know the secret signed the event.
    Forged,
    /// The event was delivered again after a newer one.
    OutOfOrder,
}

/// An attempt to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// The event's id.
    pub event: String,
    /// The event's type.
    pub kind: String,
    /// The event's creation time, in Unix seconds.
    pub created: i64,
    /// Why it was made.
    pub reason: DeliveryReason,
    /// When it ended, in Unix milliseconds.
    pub ended_at_ms: i64,
    /// The status of the response; `None` if there was none.
    pub status: Option<u16>,
    /// The body of the response; empty if there was none.
    pub body: String,
}

impl DeliveryAttempt {
    /// Returns whether the endpoint has taken the event.
    pub fn is_accepted(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// What sends events to an endpoint, and lists the attempts.
#[derive(Debug)]
pub(super) struct EventSender {
    client: Client,
    urls: Vec<String>,
    secret: String,
    /// The number of attempts that were started.
    started: AtomicUsize,
    attempts: Mutex<BoundedLog<DeliveryAttempt, ATTEMPTS_MAX>>,
    /// The number of attempts that have ended.
    ended: watch::Sender<usize>,
}

impl EventSender {
    pub(super) fn new(settings: &DeliverySettings) -> Self {
        EventSender {
            client: Client::builder().no_proxy().timeout(ATTEMPT_MAX).build().expect("an HTTP client"),
            urls: settings.urls.clone(),
            secret: settings.secret.clone(),
            started: AtomicUsize::new(0),
            attempts: Mutex::default(),
            ended: watch::Sender::default(),
        }
    }

    /// Makes one attempt, and adds it to the list.
    pub(super) async fn attempt(&self, event: &Event, reason: DeliveryReason) -> DeliveryAttempt {
        let url = &self.urls[self.started.fetch_add(1, Ordering::Relaxed) % self.urls.len()];
        let (secret, signed_at) = match reason {
            DeliveryReason::Forged => (FORGED_SECRET, unix_now()),
            DeliveryReason::Late => (self.secret.as_str(), unix_now() - LATE_S),
            _ => (self.secret.as_str(), unix_now()),
        };
        let (body, signature) = event.signed(&[secret], signed_at);
        let request = self.client.post(url).header("stripe-signature", signature);
        let request = request.header("content-type", "application/json; charset=utf-8").body(body);
        let (status, body) = match request.send().await {
            Ok(response) => (Some(response.status().as_u16()), response.text().await.unwrap_or_default()),
            Err(_) => (None, String::new()),
        };
        let attempt = DeliveryAttempt {
            event: event.event_id().to_owned(),
            kind: event.json["type"].as_str().unwrap_or_default().to_owned(),
            created: event.json["created"].as_i64().unwrap_or_default(),
            reason,
            ended_at_ms: unix_now_ms(),
            status,
            body,
        };
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.push(attempt.clone());
        self.ended.send_replace(attempts.end());
        attempt
    }

    pub(super) fn attempts(&self) -> Vec<DeliveryAttempt> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).kept().cloned().collect()
    }

    pub(super) fn ended(&self) -> watch::Receiver<usize> {
        self.ended.subscribe()
    }
}
