//! One connection to a fake: reads requests, lets the faults have their way, writes answers or breaks off.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::{FakeResponse, Request, RequestLog, Service};
use crate::fakes::faults::{Fault, Faults};

/// What all connections of a fake share.
#[derive(Clone)]
pub(super) struct SharedServer {
    pub(super) service: Arc<dyn Service>,
    pub(super) log: Arc<RequestLog>,
    pub(super) faults: Arc<Faults>,
}

/// Serves requests until the peer leaves or a fault breaks the connection.
pub(super) async fn serve(stream: TcpStream, shared: SharedServer) {
    // An answer is written in two pieces, head and body; Nagle's algorithm would hold the second one back.
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(Notify::new());
    let for_requests = Arc::clone(&reset);
    let service = service_fn(move |request| respond(request, shared.clone(), Arc::clone(&for_requests)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // In this order, so that what was written before a reset is flushed before it.
        biased;
        _ = &mut connection => {}
        () = reset.notified() => {
            let stream = connection.into_parts().io.into_inner();
            // Closing then sends RST rather than FIN.
            let _ = stream.set_zero_linger();
        }
    }
}

/// What a request came to.
enum ExchangeOutcome {
    Answer(FakeResponse),
    /// Only half of the body is sent, then the connection breaks.
    HalfAnAnswer(FakeResponse),
    BreakOff,
}

async fn respond(
    request: hyper::Request<Incoming>,
    shared: SharedServer,
    reset: Arc<Notify>,
) -> Result<hyper::Response<Body>, Infallible> {
    let Some(request) = read(request).await else { return break_off(&reset).await };
    let entry = shared.log.arrived(&request);
    let log = Arc::clone(&shared.log);
    // A task of its own: a request that has arrived is carried out even when the caller has meanwhile given up.
    let outcome = tokio::spawn(carry_out(request, entry, shared)).await;
    match outcome {
        Ok(ExchangeOutcome::Answer(answer)) => {
            log.answered(entry, answer.status);
            Ok(write(&answer, None))
        }
        Ok(ExchangeOutcome::HalfAnAnswer(answer)) => Ok(write(&answer, Some(reset))),
        // An error is a panic of the fake, which the test's output shows.
        Ok(ExchangeOutcome::BreakOff) | Err(_) => break_off(&reset).await,
    }
}

async fn carry_out(request: Request, entry: usize, shared: SharedServer) -> ExchangeOutcome {
    let fault = shared.faults.next_for(&request);
    if let Some(fault) = &fault {
        shared.log.disturbed(entry, fault.name());
    }
    let carry_out = || {
        let answer = shared.service.carry_out(&request);
        shared.log.carried_out(entry, answer.status);
        answer
    };
    match fault {
        None => ExchangeOutcome::Answer(carry_out()),
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            ExchangeOutcome::Answer(carry_out())
        }
        Some(Fault::HoldRequest(gate)) => {
            gate.pass().await;
            ExchangeOutcome::Answer(carry_out())
        }
        Some(Fault::HoldAnswer(gate)) => {
            let answer = carry_out();
            gate.pass().await;
            ExchangeOutcome::Answer(answer)
        }
        Some(Fault::Answer(answer)) => ExchangeOutcome::Answer(answer),
        Some(Fault::Reset) => ExchangeOutcome::BreakOff,
        Some(Fault::LoseAnswer) => {
            carry_out();
            ExchangeOutcome::BreakOff
        }
        Some(Fault::ResetMidBody) => ExchangeOutcome::HalfAnAnswer(carry_out()),
    }
}

async fn break_off<T>(reset: &Notify) -> T {
    reset.notify_one();
    std::future::pending().await
}

/// The whole request; `None` if the peer broke off in the middle of it.
async fn read(request: hyper::Request<Incoming>) -> Option<Request> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.ok()?.to_bytes().to_vec();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().escape_ascii().to_string()));
    Some(Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body,
    })
}

fn write(answer: &FakeResponse, reset: Option<Arc<Notify>>) -> hyper::Response<Body> {
    let mut response = hyper::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response = response.header("content-length", answer.body.len());
    let cut = if reset.is_some() { answer.body.len() / 2 } else { answer.body.len() };
    let body = Body { rest: Some(Bytes::copy_from_slice(&answer.body[..cut])), reset };
    response.body(body).expect("a valid answer")
}

/// An answer's body. With `reset`, the connection breaks once it has been written.
struct Body {
    rest: Option<Bytes>,
    reset: Option<Arc<Notify>>,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(bytes) = self.rest.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match &self.reset {
            None => Poll::Ready(None),
            Some(reset) => {
                reset.notify_one();
                Poll::Pending
            }
        }
    }
}
