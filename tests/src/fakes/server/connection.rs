//! One connection to a fake: reads requests, applies faults, and writes responses or resets the connection.

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

/// The state that all connections of a fake share.
#[derive(Clone)]
pub(super) struct SharedServer {
    pub(super) service: Arc<dyn Service>,
    pub(super) log: Arc<RequestLog>,
    pub(super) faults: Arc<Faults>,
}

/// Serves requests until the peer closes the connection or a fault resets it.
pub(super) async fn serve(stream: TcpStream, shared: SharedServer) {
    // A response is written in two pieces, header and body; Nagle's algorithm would delay the second one.
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(Notify::new());
    let reset_by_request = Arc::clone(&reset);
    let service = service_fn(move |request| respond(request, shared.clone(), Arc::clone(&reset_by_request)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // In this order, so that everything written before a reset is flushed before it.
        biased;
        _ = &mut connection => {}
        () = reset.notified() => {
            let stream = connection.into_parts().io.into_inner();
            // Closing then sends RST rather than FIN.
            let _ = stream.set_zero_linger();
        }
    }
}

/// The outcome of a request.
enum ExchangeOutcome {
    Response(FakeResponse),
    /// Only half of the body is sent, then the connection is reset.
    HalfResponse(FakeResponse),
    Reset,
}

async fn respond(
    request: hyper::Request<Incoming>,
    shared: SharedServer,
    reset: Arc<Notify>,
) -> Result<hyper::Response<Body>, Infallible> {
    let Some(request) = read(request).await else { return reset_connection(&reset).await };
    let entry = shared.log.arrived(&request);
    let log = Arc::clone(&shared.log);
    // A task of its own: a request that has arrived is carried out even if the caller has disconnected.
    let outcome = tokio::spawn(carry_out(request, entry, shared)).await;
    match outcome {
        Ok(ExchangeOutcome::Response(response)) => {
            log.answered(entry, response.status);
            Ok(write(&response, None))
        }
        Ok(ExchangeOutcome::HalfResponse(response)) => Ok(write(&response, Some(reset))),
        // An error is a panic of the fake, which the output of the test shows.
        Ok(ExchangeOutcome::Reset) | Err(_) => reset_connection(&reset).await,
    }
}

async fn carry_out(request: Request, entry: usize, shared: SharedServer) -> ExchangeOutcome {
    let fault = shared.faults.next_for(&request);
    if let Some(fault) = &fault {
        shared.log.fault_applied(entry, fault.name());
    }
    let carry_out = || {
        let response = shared.service.carry_out(&request);
        shared.log.carried_out(entry, response.status);
        response
    };
    match fault {
        None => ExchangeOutcome::Response(carry_out()),
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            ExchangeOutcome::Response(carry_out())
        }
        Some(Fault::HoldRequest(gate)) => {
            gate.pass().await;
            ExchangeOutcome::Response(carry_out())
        }
        Some(Fault::HoldExecution(point)) => {
            if shared.service.begin(&request) {
                point.pass().await;
                shared.service.end(&request);
            }
            ExchangeOutcome::Response(carry_out())
        }
        Some(Fault::HoldResponse(gate)) => {
            let response = carry_out();
            gate.pass().await;
            ExchangeOutcome::Response(response)
        }
        Some(Fault::Response(response)) => ExchangeOutcome::Response(response),
        Some(Fault::Reset) => ExchangeOutcome::Reset,
        Some(Fault::LoseResponse) => {
            carry_out();
            ExchangeOutcome::Reset
        }
        Some(Fault::ResetMidBody) => ExchangeOutcome::HalfResponse(carry_out()),
    }
}

async fn reset_connection<T>(reset: &Notify) -> T {
    reset.notify_one();
    std::future::pending().await
}

/// Reads the whole request. Returns `None` if the peer disconnects before its end.
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

fn write(response: &FakeResponse, reset: Option<Arc<Notify>>) -> hyper::Response<Body> {
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    builder = builder.header("content-length", response.body.len());
    let cut = if reset.is_some() { response.body.len() / 2 } else { response.body.len() };
    let body = Body { rest: Some(Bytes::copy_from_slice(&response.body[..cut])), reset };
    builder.body(body).expect("a valid answer")
}

/// The body of a response. With `reset`, the connection is reset after the body is written.
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
