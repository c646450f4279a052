//! The crash of a worker's VM of the gate, and what remains after Envoy has replaced it.

use super::configuration::OWN_FIELD;
use super::people::{self, Person};
use super::state::PlaygroundState;
use crate::processes::crash_switch;
use reqwest::RequestBuilder;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time::error::Elapsed;

/// The time that the crash and the replacement may take. Envoy waits a second before it replaces a VM.
const DURATION_MAX: Duration = Duration::from_secs(30);
/// The time between two requests while the VM is not replaced.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A crash after which Envoy has replaced the VM.
#[derive(Debug, Serialize)]
pub(super) struct WorkerCrash {
    /// The status of the response to the request that crashed the VM; `None` if it had none.
    status: Option<u16>,
    /// How many asks of all people the gate had counted before the crash.
    asks_before: u64,
    /// The same after Envoy has replaced the VM.
    asks_after: u64,
}

impl PlaygroundState {
    /// Crashes the VM of the gate on the worker thread that gets the request, and waits until Envoy has replaced it.
    ///
    /// # Errors
    /// If Envoy has not replaced it in time.
    pub(super) async fn crash_worker(&self) -> Result<WorkerCrash, Elapsed> {
        let crash = async {
            let asks_before = self.counted_asks().await;
            let mut replaced_vms = self.replaced_vms.subscribe();
            let before = *replaced_vms.borrow_and_update();
            let status = self.send_crashing_request().await;
            tokio::select! {
                _ = replaced_vms.wait_for(|now| *now > before) => {}
                () = self.send_requests_to_all_workers() => {}
            }
            WorkerCrash { status, asks_before, asks_after: self.counted_asks().await }
        };
        tokio::time::timeout(DURATION_MAX, crash).await
    }

    async fn send_crashing_request(&self) -> Option<u16> {
        let request = self.client.get(format!("{}/ask", self.origin));
        let fields = 0..=crash_switch::FIELDS_MAX;
        let request = fields.fold(request, |request, n| request.header(format!("x-crash-{n}"), "1"));
        request.send().await.ok().map(|response| response.status().as_u16())
    }

    /// Sends requests forever. Envoy replaces a VM when its worker gets a request; each request has its own
    /// connection, and connections are spread over the workers.
    async fn send_requests_to_all_workers(&self) {
        loop {
            let _ = self.usage_request().send().await;
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Returns how many asks of all people the gate has counted in the present windows.
    async fn counted_asks(&self) -> u64 {
        let mut counted = 0;
        for person in people::one_of_each_subject() {
            let usage = self.usage_of(person).await;
            let windows = usage["limits"]["asks"].as_array().into_iter().flatten();
            counted += windows.filter_map(|window| window["used"].as_u64()).sum::<u64>();
        }
        counted
    }

    /// Returns the response of the gate's `usage_path`, once the worker that gets the request has a VM.
    async fn usage_of(&self, person: &Person) -> Value {
        loop {
            let token = person.token(&self.clerk, &self.origin);
            let response = self.usage_request().bearer_auth(token).send().await;
            if let Ok(response) = response.and_then(reqwest::Response::error_for_status)
                && let Ok(usage) = response.json().await
            {
                return usage;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn usage_request(&self) -> RequestBuilder {
        self.client.get(format!("{}/usage", self.origin)).header(OWN_FIELD, "yes")
    }
}
