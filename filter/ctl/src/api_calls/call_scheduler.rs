//! Sends callouts as the rate limits allow, and retries those that may be retried.

use super::endpoints::Endpoints;
use super::http_workers::{CALLS_MAX, CallOutcome, HttpWorkers};
use super::rate_limits::{CLERK, RateLimits, Rates, backoff};
use crate::clock::now;
use crate::terminal::print_error_line;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use tollgate_core::http::{Callout, Request};
use tollgate_core::machine::CallId;
use tollgate_core::time::Micros;

/// The longest wait for an event before [`SchedulerEvent::Idle`], so that progress can be shown.
const IDLE_MAX: Duration = Duration::from_millis(500);

/// The ID of a callout: the ID of its job, and its ID within the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobCall {
    pub(crate) job_id: usize,
    pub(crate) call: CallId,
}

#[derive(Debug)]
struct Waiting {
    job_call: JobCall,
    callout: Callout,
    tries: u32,
    not_before: Micros,
}

struct EndedCall {
    job_call: JobCall,
    tries: u32,
    callout: Callout,
    response: CallOutcome,
}

enum SchedulerMessage {
    CallEnded(Box<EndedCall>),
    Interrupted,
}

/// An event that the scheduler reports.
pub(crate) enum SchedulerEvent {
    /// A callout ended.
    CallEnded(JobCall, CallOutcome),
    /// The process got SIGINT or SIGTERM.
    Interrupted,
    /// Nothing happened for [`IDLE_MAX`].
    Idle,
}

/// Queues callouts until the rate limits admit them, and waits for their outcomes.
pub(crate) struct CallScheduler {
    rate_limits: RateLimits,
    /// The maximum number of attempts of a call.
    tries_max: u32,
    waiting: Vec<Waiting>,
    in_flight: usize,
    workers: HttpWorkers<(JobCall, u32)>,
    inbox: Receiver<SchedulerMessage>,
    /// The HTTP client's message for the last connection that broke.
    pub(crate) last_connection_error: Option<String>,
    /// The number of retried calls.
    pub(crate) retries: usize,
}

impl CallScheduler {
    /// Starts the HTTP workers, and a handler for SIGINT and SIGTERM.
    pub(crate) fn start(endpoints: &Endpoints, rates: Rates, tries_max: u32) -> Self {
        let (messages, inbox) = channel();
        let interrupts = messages.clone();
        let handler = ctrlc::set_handler(move || {
            let _ = interrupts.send(SchedulerMessage::Interrupted);
        });
        if let Err(error) = handler {
            print_error_line!(
                "note: Ctrl-C will end this command at once, without finishing calls in progress: {error}"
            );
        }
        let workers = HttpWorkers::start(endpoints, move |(job_call, tries), callout, response| {
            let _ = messages.send(SchedulerMessage::CallEnded(Box::new(EndedCall {
                job_call,
                tries,
                callout,
                response,
            })));
        });
        let rate_limits = RateLimits::new(rates);
        CallScheduler {
            rate_limits,
            tries_max,
            waiting: Vec::new(),
            in_flight: 0,
            workers,
            inbox,
            last_connection_error: None,
            retries: 0,
        }
    }

    /// Adds callouts of a job to the queue.
    pub(crate) fn enqueue(&mut self, job_id: usize, calls: Vec<(CallId, Callout)>) {
        let not_before = Micros::default();
        let waiting = calls.into_iter().map(|(call, callout)| {
            let job_call = JobCall { job_id, call };
            Waiting { job_call, callout, tries: 0, not_before }
        });
        self.waiting.extend(waiting);
    }

    /// Removes the queued callouts of a job that has ended.
    pub(crate) fn cancel(&mut self, job_id: usize) {
        self.waiting.retain(|waiting| waiting.job_call.job_id != job_id);
    }

    /// Waits for the next event.
    pub(crate) fn next_event(&mut self) -> SchedulerEvent {
        loop {
            let wake = self.send_admitted();
            match self.inbox.recv_timeout(wake) {
                Ok(SchedulerMessage::Interrupted) => return SchedulerEvent::Interrupted,
                Ok(SchedulerMessage::CallEnded(ended)) => {
                    let EndedCall { job_call, tries, callout, response } = *ended;
                    self.in_flight = self.in_flight.saturating_sub(1);
                    if let CallOutcome::Reset(why) = &response {
                        self.last_connection_error = Some(why.clone());
                    }
                    match retry_after(&callout, &response, tries, self.tries_max) {
                        Some(wait) => self.retry(job_call, callout, tries, wait, &response),
                        None => return SchedulerEvent::CallEnded(job_call, response),
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if wake >= IDLE_MAX {
                        return SchedulerEvent::Idle;
                    }
                }
            }
        }
    }

    fn retry(
        &mut self,
        job_call: JobCall,
        callout: Callout,
        tries: u32,
        wait: Duration,
        response: &CallOutcome,
    ) {
        let not_before = now().plus(wait);
        self.retries = self.retries.saturating_add(1);
        let is_busy = matches!(response, CallOutcome::Http { status: 429, .. });
        // Clerk limits the writes to one user or organization. That is no reason to delay others.
        if is_busy && !(callout.cluster == CLERK && is_write(&callout)) {
            self.rate_limits.hold(&callout, not_before);
        }
        self.waiting.push(Waiting { job_call, callout, tries, not_before });
    }

    /// Sends the callouts that are admitted now. Returns the time until the next one is admitted, at most
    /// [`IDLE_MAX`].
    fn send_admitted(&mut self) -> Duration {
        let now = now();
        let mut wake = now.plus(IDLE_MAX);
        let mut index = 0_usize;
        while self.in_flight < CALLS_MAX
            && let Some(waiting) = self.waiting.get(index)
        {
            let admitted = match waiting.not_before > now {
                true => Err(waiting.not_before),
                false => self.rate_limits.admit(now, &waiting.callout),
            };
            match admitted {
                Ok(()) => {
                    let Waiting { job_call, callout, tries, .. } = self.waiting.remove(index);
                    self.in_flight = self.in_flight.saturating_add(1);
                    self.workers.send((job_call, tries.saturating_add(1)), callout);
                }
                Err(later) => {
                    wake = wake.min(later);
                    index = index.saturating_add(1);
                }
            }
        }
        wake.since(now)
    }
}

fn is_write(callout: &Callout) -> bool {
    !matches!(&callout.request, Request::Http { method: "GET", .. })
}

/// Returns the time to wait before a call is retried; `None` if it is not retried. A read may always be
/// retried. A write is retried only after 429, because otherwise it may have been done; the job then reads
/// everything again.
fn retry_after(callout: &Callout, response: &CallOutcome, tries: u32, tries_max: u32) -> Option<Duration> {
    let (too_many_requests, failed, requested_wait) = match response {
        CallOutcome::Http { status, headers, .. } => {
            let seconds =
                headers.get("retry-after").and_then(|value| str::from_utf8(value).ok()?.parse().ok());
            (*status == 429, *status >= 500, seconds.map(Duration::from_secs))
        }
        CallOutcome::TimedOut | CallOutcome::Reset(_) => (false, true, None),
        CallOutcome::TooLarge => (false, false, None),
    };
    let may_retry = too_many_requests || (failed && !is_write(callout));
    (may_retry && tries < tries_max).then(|| backoff(tries, requested_wait))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_calls::TRIES_MAX;
    use tollgate_core::http::HeaderMap;

    #[test]
    fn reads_are_retried_and_writes_only_after_429() {
        let callout = |method| Callout {
            cluster: CLERK.to_owned(),
            timeout: Duration::from_secs(1),
            request: Request::Http {
                method,
                authority: String::new(),
                path: String::new(),
                headers: vec![],
                body: vec![],
            },
        };
        let http = |status, retry_after: &str| {
            let fields = [(&b"retry-after"[..], retry_after.as_bytes())];
            CallOutcome::Http { status, headers: HeaderMap::from_fields(fields), body: vec![] }
        };
        let first_backoff = Some(Duration::from_millis(250));
        let cases = [
            ("200", "GET", http(200, ""), 1, None),
            ("404", "GET", http(404, ""), 1, None),
            ("429", "GET", http(429, ""), 1, first_backoff),
            ("429 with Retry-After", "GET", http(429, "3"), 1, Some(Duration::from_secs(3))),
            ("a date is not read", "GET", http(429, "Thu, 26 Nov 2026 10:00:00 GMT"), 1, first_backoff),
            ("503", "GET", http(503, ""), 1, first_backoff),
            ("a timeout", "GET", CallOutcome::TimedOut, 1, first_backoff),
            ("the last try", "GET", CallOutcome::TimedOut, TRIES_MAX, None),
            ("a response that is too large", "GET", CallOutcome::TooLarge, 1, None),
            ("a write after 429", "PATCH", http(429, ""), 1, first_backoff),
            ("a write that may have been done", "PATCH", CallOutcome::TimedOut, 1, None),
            ("a write after 500", "POST", http(500, ""), 1, None),
        ];
        for (why, method, response, tries, want) in cases {
            assert_eq!(retry_after(&callout(method), &response, tries, TRIES_MAX), want, "{why}");
        }
    }
}
