//! Carries callouts over HTTPS, a bounded number side by side. Judges no answer.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tollgate_core::http::{Callout, HeaderMap, Outcome, Request};
use ureq::Agent;
use ureq::http;

/// How many calls are on their way at once.
pub(super) const CALLS_MAX: usize = 16;

/// The largest answer that is taken: 500 users with 24 KB of metadata each, and more.
const ANSWER_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Where the two services are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// As in `https://api.stripe.com`, without `/` at the end.
    pub(super) stripe: String,
    /// The same of Clerk.
    pub(super) clerk: String,
}

/// How a callout ended.
#[derive(Debug)]
pub(super) enum Answer {
    Http {
        status: u16,
        headers: HeaderMap,
        body: Vec<u8>,
    },
    TimedOut,
    TooLarge,
    /// With what the client says of it.
    Reset(String),
}

impl Answer {
    pub(super) fn outcome(&self) -> Outcome<'_> {
        match self {
            Answer::Http { status, headers, body } => Outcome::Answered { status: *status, headers, body },
            Answer::TimedOut => Outcome::TimedOut,
            Answer::TooLarge => Outcome::TooLarge,
            Answer::Reset(_) => Outcome::Reset,
        }
    }
}

/// The threads that carry. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Courier<L> {
    letters: Sender<(L, Callout)>,
}

impl<L: Send + 'static> Courier<L> {
    /// Starts the threads. Each answer is handed to `deliver` along with what came with its callout.
    pub(super) fn start(
        places: &Places,
        deliver: impl Fn(L, Callout, Answer) + Clone + Send + 'static,
    ) -> Self {
        let (letters, inbox) = channel::<(L, Callout)>();
        let inbox = Arc::new(Mutex::new(inbox));
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build()
            .into();
        for _ in 0..CALLS_MAX {
            let (inbox, agent, places, deliver) =
                (Arc::clone(&inbox), agent.clone(), places.clone(), deliver.clone());
            std::thread::spawn(move || {
                while let Some((letter, callout)) = next(&inbox) {
                    let answer = carry(&agent, &places, &callout);
                    deliver(letter, callout, answer);
                }
            });
        }
        Courier { letters }
    }

    /// Gives it a callout to carry.
    pub(super) fn send(&self, letter: L, callout: Callout) {
        // The threads live as long as the sender does.
        let _ = self.letters.send((letter, callout));
    }
}

fn next<L>(inbox: &Mutex<Receiver<(L, Callout)>>) -> Option<(L, Callout)> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn carry(agent: &Agent, places: &Places, callout: &Callout) -> Answer {
    let Request::Http { method, path, headers, body, .. } = &callout.request else {
        return Answer::Reset("not HTTP".to_owned());
    };
    let place = if callout.cluster == super::pace::STRIPE { &places.stripe } else { &places.clerk };
    let mut request = http::Request::builder().method(*method).uri(format!("{place}{path}"));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let sent = match body.as_slice() {
        [] => request.body(()).map(|request| run(agent, request, callout.timeout)),
        body => request.body(body).map(|request| run(agent, request, callout.timeout)),
    };
    match sent {
        Ok(Ok(answer)) => answer,
        Ok(Err(ureq::Error::Timeout(_))) => Answer::TimedOut,
        Ok(Err(ureq::Error::BodyExceedsLimit(_))) => Answer::TooLarge,
        Ok(Err(error)) => Answer::Reset(error.to_string()),
        Err(error) => Answer::Reset(error.to_string()),
    }
}

fn run(
    agent: &Agent,
    request: http::Request<impl ureq::AsSendBody>,
    timeout: Duration,
) -> Result<Answer, ureq::Error> {
    let request = agent.configure_request(request).timeout_global(Some(timeout)).build();
    let mut response = agent.run(request)?;
    let status = response.status().as_u16();
    let fields = response.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let headers = HeaderMap::from_fields(fields);
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
    Ok(Answer::Http { status, headers, body })
}
