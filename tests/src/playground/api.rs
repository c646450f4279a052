//! The endpoints below `/playground/api/`, by which the pages show what happens behind the gateway.

use super::deliveries::newest_two;
use super::history::PlaygroundEvent;
use super::people::{PEOPLE, Person};
use super::state::PlaygroundState;
use super::worker_crash::WorkerCrash;
use crate::fakes::stripe::DeliveryReason;
use crate::fakes::stripe::events::Event;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event as ServerSentEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;

type Shared = State<Arc<PlaygroundState>>;

/// Returns the endpoints.
pub(super) fn router(state: Arc<PlaygroundState>) -> Router {
    let endpoints = Router::new()
        .route("/people", get(people))
        .route("/token", post(token))
        .route("/events", get(events))
        .route("/deliveries/forge", post(forge))
        .route("/deliveries/out-of-order", post(out_of_order))
        .route("/deliveries/{event}/again", post(again))
        .route("/deliveries/{event}/late", post(late))
        .route("/clerk/down", post(clerk_down))
        .route("/worker/crash", post(crash_worker));
    Router::new().nest("/playground/api", endpoints).with_state(state)
}

/// A request that cannot be carried out.
struct PlaygroundError(StatusCode, &'static str);

impl IntoResponse for PlaygroundError {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

async fn people() -> Json<Value> {
    Json(json!({ "people": PEOPLE }))
}

/// Whom a token is for.
#[derive(Deserialize)]
struct TokenRequest {
    user: String,
    organization: Option<String>,
}

async fn token(
    State(state): Shared,
    Json(wanted): Json<TokenRequest>,
) -> Result<Json<Value>, PlaygroundError> {
    let is_wanted = |person: &&Person| {
        person.user == wanted.user && person.organization == wanted.organization.as_deref()
    };
    let person = PEOPLE.iter().find(is_wanted);
    let person = person.ok_or(PlaygroundError(StatusCode::NOT_FOUND, "there is no such person"))?;
    if state.is_clerk_down() {
        return Err(PlaygroundError(StatusCode::SERVICE_UNAVAILABLE, "Clerk is down"));
    }
    Ok(Json(json!({ "token": person.token(&state.clerk, &state.origin) })))
}

/// Streams everything so far, and then what happens.
async fn events(State(state): Shared) -> Sse<impl Stream<Item = Result<ServerSentEvent, Infallible>>> {
    let (past, receiver) = state.history.watch();
    // The stream of a page that is too slow ends, and its browser connects again.
    let following =
        stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await.ok()?, receiver)));
    let shown =
        |event: PlaygroundEvent| Ok(ServerSentEvent::default().event(event.kind.name()).data(event.json));
    Sse::new(stream::iter(past).chain(following).map(shown)).keep_alive(KeepAlive::default())
}

async fn again(state: Shared, event: Path<String>) -> Result<Json<Value>, PlaygroundError> {
    deliver_emitted(&state, &[&event], DeliveryReason::Again).await
}

async fn late(state: Shared, event: Path<String>) -> Result<Json<Value>, PlaygroundError> {
    deliver_emitted(&state, &[&event], DeliveryReason::Late).await
}

async fn forge(State(state): Shared) -> Json<Value> {
    let event = state.forged_event();
    deliver(&state, &[event], DeliveryReason::Forged).await
}

/// Delivers the newest two events again, the newer one first.
async fn out_of_order(State(state): Shared) -> Result<Json<Value>, PlaygroundError> {
    let newest = newest_two(&state.delivery.attempts());
    let [newer, older] =
        newest.ok_or(PlaygroundError(StatusCode::CONFLICT, "Stripe has not sent two events yet"))?;
    deliver_emitted(&state, &[&newer, &older], DeliveryReason::OutOfOrder).await
}

/// Delivers events of Stripe with these ids.
async fn deliver_emitted(
    state: &PlaygroundState,
    ids: &[&str],
    reason: DeliveryReason,
) -> Result<Json<Value>, PlaygroundError> {
    let events: Option<Vec<Event>> = ids.iter().map(|id| state.stripe.emitted_event(id)).collect();
    let events = events.ok_or(PlaygroundError(StatusCode::NOT_FOUND, "Stripe has no such event"))?;
    Ok(deliver(state, &events, reason).await)
}

/// Delivers events one after the other. Shows the gateway's responses in this order, and whose record at Clerk has
/// changed meanwhile.
async fn deliver(state: &PlaygroundState, events: &[Event], reason: DeliveryReason) -> Json<Value> {
    let before = state.public_metadata();
    let mut deliveries = Vec::new();
    for event in events {
        let attempt = state.delivery.deliver(event, reason).await;
        let body: Value = serde_json::from_str(&attempt.body).unwrap_or_default();
        deliveries.push(
            json!({"event": attempt.event, "type": attempt.kind, "status": attempt.status, "body": body}),
        );
    }
    let after = state.public_metadata();
    let changed: Vec<_> = after.iter().filter(|record| !before.contains(record)).map(|(id, _)| id).collect();
    Json(json!({"deliveries": deliveries, "changed": changed}))
}

/// Takes Clerk down, and gives Stripe an event to deliver meanwhile.
async fn clerk_down(State(state): Shared) -> Json<Value> {
    state.take_clerk_down();
    state.change_newest_subscription().await;
    Json(json!({}))
}

async fn crash_worker(State(state): Shared) -> Result<Json<WorkerCrash>, PlaygroundError> {
    let late = PlaygroundError(StatusCode::GATEWAY_TIMEOUT, "Envoy has not replaced the VM in time");
    state.crash_worker().await.map(Json).map_err(|_| late)
}
