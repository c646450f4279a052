//! Performs callouts over HTTPS on a fixed number of threads. Interprets no response.

use super::endpoints::Endpoints;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tollgate_core::http::{Callout, HeaderMap, Outcome, Request};
use ureq::Agent;
use ureq::http;

/// The maximum number of calls in flight.
pub(crate) const CALLS_MAX: usize = 16;

/// The largest response body that is read: 500 users with 24 KB of metadata each, and more.
const RESPONSE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The outcome of a callout.
#[derive(Debug)]
pub(crate) enum CallOutcome {
    Http {
        status: u16,
        headers: HeaderMap,
        body: Vec<u8>,
    },
    TimedOut,
    TooLarge,
    /// The connection failed. Has the HTTP client's message.
    Reset(String),
}

impl CallOutcome {
    pub(crate) fn outcome(&self) -> Outcome<'_> {
        match self {
            CallOutcome::Http { status, headers, body } => {
                Outcome::Response { status: *status, headers, body }
            }
            CallOutcome::TimedOut => Outcome::TimedOut,
            CallOutcome::TooLarge => Outcome::TooLarge,
            CallOutcome::Reset(_) => Outcome::Reset,
        }
    }
}

/// The threads that perform callouts. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct HttpWorkers<T> {
    requests: Sender<(T, Callout)>,
}

impl<T: Send + 'static> HttpWorkers<T> {
    /// Starts the threads. Each outcome is passed to `on_outcome` with the tag of its callout.
    pub(crate) fn start(
        endpoints: &Endpoints,
        on_outcome: impl Fn(T, Callout, CallOutcome) + Clone + Send + 'static,
    ) -> Self {
        let (requests, inbox) = channel::<(T, Callout)>();
        let inbox = Arc::new(Mutex::new(inbox));
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build()
            .into();
        for _ in 0..CALLS_MAX {
            let (inbox, agent, endpoints, on_outcome) =
                (Arc::clone(&inbox), agent.clone(), endpoints.clone(), on_outcome.clone());
            std::thread::spawn(move || {
                while let Some((tag, callout)) = next(&inbox) {
                    let response = perform(&agent, &endpoints, &callout);
                    on_outcome(tag, callout, response);
                }
            });
        }
        HttpWorkers { requests }
    }

    /// Sends a callout.
    pub(crate) fn send(&self, tag: T, callout: Callout) {
        // The threads live as long as the sender, so one of them receives it.
        let _ = self.requests.send((tag, callout));
    }
}

fn next<T>(inbox: &Mutex<Receiver<(T, Callout)>>) -> Option<(T, Callout)> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn perform(agent: &Agent, endpoints: &Endpoints, callout: &Callout) -> CallOutcome {
    let Request::Http { method, path, headers, body, .. } = &callout.request else {
        return CallOutcome::Reset("not HTTP".to_owned());
    };
    let base = endpoints.base_url(&callout.cluster);
    let mut request = http::Request::builder().method(*method).uri(format!("{base}{path}"));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let sent = match body.as_slice() {
        [] => request.body(()).map(|request| run(agent, request, callout.timeout)),
        body => request.body(body).map(|request| run(agent, request, callout.timeout)),
    };
    match sent {
        Ok(Ok(response)) => response,
        Ok(Err(ureq::Error::Timeout(_))) => CallOutcome::TimedOut,
        Ok(Err(ureq::Error::BodyExceedsLimit(_))) => CallOutcome::TooLarge,
        Ok(Err(error)) => CallOutcome::Reset(error.to_string()),
        Err(error) => CallOutcome::Reset(error.to_string()),
    }
}

fn run(
    agent: &Agent,
    request: http::Request<impl ureq::AsSendBody>,
    timeout: Duration,
) -> Result<CallOutcome, ureq::Error> {
    let request = agent.configure_request(request).timeout_global(Some(timeout)).build();
    let mut response = agent.run(request)?;
    let status = response.status().as_u16();
    let fields = response.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let headers = HeaderMap::from_fields(fields);
    let body = response.body_mut().with_config().limit(RESPONSE_BYTES_MAX).read_to_vec()?;
    Ok(CallOutcome::Http { status, headers, body })
}
