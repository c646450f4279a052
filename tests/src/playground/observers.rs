//! The tasks that watch Envoy and the fakes, and tell the pages what they see.

use super::access_log::request_event;
use super::audit_log::audit_event;
use super::history::EventKind;
use super::log_tail::LogTail;
use super::state::PlaygroundState;
use super::{counters, deliveries};
use crate::fakes::server::unix_now_ms;
use crate::processes::envoy::Envoy;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The time between two looks at Envoy's counters.
const COUNTERS_INTERVAL: Duration = Duration::from_secs(1);

/// Starts the observers.
pub(super) fn start(tasks: &mut JoinSet<()>, state: &Arc<PlaygroundState>, envoy: &Arc<Envoy>) {
    tasks.spawn(requests(Arc::clone(state), envoy.access_log_file()));
    tasks.spawn(audit(Arc::clone(state), envoy.log_file()));
    tasks.spawn(attempts(Arc::clone(state)));
    tasks.spawn(metadata(Arc::clone(state)));
    tasks.spawn(faults(Arc::clone(state)));
    tasks.spawn(counts(Arc::clone(state), Arc::clone(envoy)));
}

async fn requests(state: Arc<PlaygroundState>, access_log: PathBuf) {
    let publish = |line: &str| {
        if let Some(request) = request_event(line) {
            state.history.publish(EventKind::Request, &request.id, &request);
        }
    };
    LogTail::new(access_log).follow(publish).await;
}

async fn audit(state: Arc<PlaygroundState>, log: PathBuf) {
    let mut number = 0_u64;
    let publish = |line: &str| {
        if let Some(audit) = audit_event(line, unix_now_ms()) {
            number += 1;
            state.history.publish(EventKind::Audit, &number.to_string(), &audit);
        }
    };
    LogTail::new(log).follow(publish).await;
}

async fn attempts(state: Arc<PlaygroundState>) {
    let mut ended = state.delivery.ended_attempts();
    loop {
        for delivery in deliveries::by_event(&state.delivery.attempts()) {
            state.history.publish(EventKind::Delivery, &delivery.id, &delivery);
        }
        if ended.changed().await.is_err() {
            return;
        }
    }
}

async fn metadata(state: Arc<PlaygroundState>) {
    let mut changes = state.clerk.log().changes();
    loop {
        for (subject, metadata) in state.public_metadata() {
            let shown = json!({"subject": subject, "public_metadata": metadata});
            state.history.publish(EventKind::Clerk, subject, &shown);
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

async fn faults(state: Arc<PlaygroundState>) {
    let mut until = state.clerk_down_until.subscribe();
    loop {
        let shown = json!({"clerk_down_until": *until.borrow_and_update()});
        state.history.publish(EventKind::Faults, "", &shown);
        if until.changed().await.is_err() {
            return;
        }
    }
}

async fn counts(state: Arc<PlaygroundState>, envoy: Arc<Envoy>) {
    loop {
        // Ctrl-C in a terminal also ends Envoy, perhaps before this task.
        if let Some(stats) = envoy.stats_if_running().await {
            state.history.publish(EventKind::Counters, "", &counters::shown(&stats));
            state.replaced_vms.send_replace(counters::replaced_vms(&stats));
        }
        tokio::time::sleep(COUNTERS_INTERVAL).await;
    }
}
