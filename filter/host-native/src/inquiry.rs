//! Inquiries: callouts of a filter, which continue when a request ends.
//!
//! A callout of a stream ends with the stream, so an inquiry is a callout of the filter's configuration,
//! which only the main thread may start. A worker queues it and wakes the main thread; the main thread starts
//! it, puts its result into the worker's [`Mailbox`], and wakes the requests that wait. If none is left, the
//! worker finds the result at its next request of the filter, with the time at which it arrived.

use crate::abi::{self, CalloutMessage, ConfigScheduler, FilterConfig, Stream, StreamScheduler};
use crate::callout::{self, StartedCallout};
use crate::{grpc, process, registry, thread_state};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tollgate_core::http::{Callout, Outcome};
use tollgate_core::time::Micros;
use tollgate_driver::CalloutResult;

/// The result of an inquiry.
#[derive(Debug)]
pub(crate) struct InquiryResult {
    /// The ID that [`start`] returned.
    pub(crate) inquiry: u64,
    pub(crate) result: CalloutResult,
    /// The time at which the outcome arrived; `None` without a clock.
    pub(crate) arrived_at: Option<Micros>,
}

/// The results for one worker's requests of one filter.
#[derive(Debug, Default)]
struct Mailbox {
    /// Whether there are results. A request without results only reads this.
    arrived: AtomicBool,
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    results: Vec<InquiryResult>,
    /// The waiting requests, by inquiry. Some may have ended.
    waiting: Vec<(u64, StreamScheduler)>,
}

/// An inquiry that the main thread must start.
#[derive(Debug)]
struct QueuedInquiry {
    inquiry: u64,
    mailbox: Arc<Mailbox>,
    callout: Callout,
}

/// The inquiries of a filter, in all threads.
#[derive(Debug)]
pub(crate) struct Inquiries {
    main_thread: ConfigScheduler,
    /// The number of inquiries that are queued or in flight.
    in_progress: AtomicUsize,
    queued: Mutex<Vec<QueuedInquiry>>,
    in_flight: Mutex<BTreeMap<StartedCallout, (u64, Arc<Mailbox>)>>,
    /// The result of the callout that is being started, if it ends before its ID is known.
    early: Mutex<Option<(StartedCallout, CalloutResult)>>,
}

/// The maximum number of inquiries of a filter in progress, queued or in flight. Beyond it a new one fails as
/// a callout would; no plan is taken away because of that.
const INQUIRIES_MAX: usize = 1_024;

static LAST: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// By filter.
    static MAILBOXES: RefCell<Vec<(u32, Arc<Mailbox>)>> = const { RefCell::new(Vec::new()) };
}

/// Creates a mailbox for a filter that this thread has configured.
pub(crate) fn open_mailbox(filter_id: u32) {
    thread_state::change(&MAILBOXES, |all| all.push((filter_id, Arc::default())));
}

/// Removes the mailbox of a filter that has ended.
pub(crate) fn close_mailbox(filter_id: u32) {
    thread_state::change(&MAILBOXES, |all| all.retain(|(filter, _)| *filter != filter_id));
}

fn mailbox(filter_id: u32) -> Option<Arc<Mailbox>> {
    thread_state::change(&MAILBOXES, |all| {
        all.iter().find(|(filter, _)| *filter == filter_id).map(|(_, mailbox)| mailbox.clone())
    })
    .flatten()
}

/// Queues an inquiry for the main thread and returns its ID. Returns a failed outcome if [`INQUIRIES_MAX`]
/// are in progress.
pub(crate) fn start(filter_id: u32, callout: &Callout) -> Result<u64, Outcome<'static>> {
    let (Some(filter), Some(mailbox)) = (registry::get(filter_id), mailbox(filter_id)) else {
        return Err(Outcome::Reset);
    };
    filter.inquiries.queue(mailbox, callout.clone())
}

/// Registers a held request to be woken when the result of an inquiry arrives, or now if it is there.
pub(crate) fn wait(filter_id: u32, inquiry: u64, stream: Stream) {
    let Some(mailbox) = mailbox(filter_id) else { return };
    let scheduler = StreamScheduler::new(stream);
    let mut contents = lock(&mailbox.contents);
    if contents.results.iter().any(|result| result.inquiry == inquiry) {
        scheduler.wake();
    } else {
        contents.waiting.push((inquiry, scheduler));
    }
}

/// Removes the requests that wait for an inquiry whose result the rules have.
pub(crate) fn remove_waiting(filter_id: u32, inquiry: u64) {
    if let Some(mailbox) = mailbox(filter_id) {
        lock(&mailbox.contents).waiting.retain(|(awaited, _)| *awaited != inquiry);
    }
}

/// Takes the results for this thread's requests of a filter.
pub(crate) fn take_results(filter_id: u32) -> Vec<InquiryResult> {
    let arrived = |mailbox: &Arc<Mailbox>| mailbox.arrived.swap(false, Ordering::AcqRel);
    match has_results(filter_id).then(|| mailbox(filter_id)).flatten().filter(arrived) {
        Some(mailbox) => std::mem::take(&mut lock(&mailbox.contents).results),
        None => Vec::new(),
    }
}

fn has_results(filter_id: u32) -> bool {
    thread_state::change(&MAILBOXES, |all| {
        all.iter().any(|(filter, mailbox)| *filter == filter_id && mailbox.arrived.load(Ordering::Acquire))
    })
    .unwrap_or(false)
}

impl Inquiries {
    /// Returns the inquiries of a filter that the main thread configures.
    pub(crate) fn new(config: FilterConfig) -> Self {
        Inquiries {
            main_thread: ConfigScheduler::new(config),
            in_progress: AtomicUsize::default(),
            queued: Mutex::default(),
            in_flight: Mutex::default(),
            early: Mutex::default(),
        }
    }

    /// Queues an inquiry for the main thread.
    fn queue(&self, mailbox: Arc<Mailbox>, callout: Callout) -> Result<u64, Outcome<'static>> {
        let more = |count: usize| (count < INQUIRIES_MAX).then(|| count.saturating_add(1));
        if self.in_progress.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            return Err(Outcome::Reset);
        }
        let inquiry = LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        lock(&self.queued).push(QueuedInquiry { inquiry, mailbox, callout });
        self.main_thread.wake();
        Ok(inquiry)
    }

    /// Starts the queued inquiries. Called in the main thread.
    pub(crate) fn start_queued(&self, config: FilterConfig) {
        let queued = std::mem::take(&mut *lock(&self.queued));
        for QueuedInquiry { inquiry, mailbox, callout } in queued {
            lock(&self.early).take();
            let result = match start_callout(config, &callout) {
                Ok(started) => {
                    let early = lock(&self.early).take().filter(|(ended, _)| *ended == started);
                    if early.is_none() {
                        lock(&self.in_flight).insert(started, (inquiry, mailbox.clone()));
                    }
                    early.map(|(_, result)| result)
                }
                Err(result) => Some(result),
            };
            if let Some(result) = result {
                self.deliver(inquiry, &mailbox, result);
            }
        }
    }

    /// Passes the result of a callout to the worker that started the inquiry. Called in the main thread.
    pub(crate) fn ended(&self, ended: StartedCallout, result: CalloutResult) {
        let in_flight = lock(&self.in_flight).remove(&ended);
        match in_flight {
            Some((inquiry, mailbox)) => self.deliver(inquiry, &mailbox, result),
            None => *lock(&self.early) = Some((ended, result)),
        }
    }

    fn deliver(&self, inquiry: u64, mailbox: &Mailbox, result: CalloutResult) {
        self.in_progress.fetch_sub(1, Ordering::Relaxed);
        mailbox.deliver(inquiry, result);
    }
}

impl Mailbox {
    fn deliver(&self, inquiry: u64, result: CalloutResult) {
        let mut contents = lock(&self.contents);
        contents.results.push(InquiryResult { inquiry, result, arrived_at: process::now().ok() });
        self.arrived.store(true, Ordering::Release);
        // Waking one would suffice, since it settles the inquiry for all; but which of them still live is
        // unknown here.
        for (_, scheduler) in contents.waiting.extract_if(.., |(awaited, _)| *awaited == inquiry) {
            scheduler.wake();
        }
    }
}

fn start_callout(config: FilterConfig, callout: &Callout) -> Result<StartedCallout, CalloutResult> {
    let http = |message: &CalloutMessage<'_>| abi::start_config_http(config, &callout.cluster, message);
    let started = callout::start_with(callout, http, |call| grpc::start_config(config, call));
    started.map_err(callout::unstarted)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tollgate_core::http::Request;

    #[test]
    fn a_result_wakes_the_requests_that_wait_for_it_and_no_others() {
        let mailbox = Mailbox::default();
        let wait = |inquiry| lock(&mailbox.contents).waiting.push((inquiry, StreamScheduler::unconnected()));
        [1, 2, 1].into_iter().for_each(wait);
        mailbox.deliver(1, CalloutResult::Reset);
        let contents = lock(&mailbox.contents);
        let left: Vec<u64> = contents.waiting.iter().map(|(inquiry, _)| *inquiry).collect();
        assert_eq!(left, [2]);
        let results: Vec<u64> = contents.results.iter().map(|result| result.inquiry).collect();
        assert_eq!(results, [1]);
    }

    #[test]
    fn a_worker_takes_results_once_with_their_time_of_arrival() {
        const FILTER: u32 = 1;
        open_mailbox(FILTER);
        assert!(take_results(FILTER).is_empty());
        mailbox(FILTER).unwrap().deliver(7, CalloutResult::TimedOut);
        let results = take_results(FILTER);
        assert!(
            matches!(&results[..], [InquiryResult { inquiry: 7, arrived_at: Some(_), .. }]),
            "{results:?}"
        );
        assert!(take_results(FILTER).is_empty());
        assert!(take_results(FILTER + 1).is_empty(), "another filter");
        close_mailbox(FILTER);
        assert!(mailbox(FILTER).is_none());
    }

    fn callout() -> Callout {
        let request = Request::Grpc { service: "s", method: "m", message: Vec::new() };
        Callout { cluster: "c".to_owned(), timeout: Duration::from_secs(1), request }
    }

    #[test]
    fn each_result_reaches_the_worker_that_asked_once() {
        const FILTER: u32 = 2;
        const WORKERS: usize = 4;
        const INQUIRIES: usize = 200;
        let config = FilterConfig::unconnected();
        let inquiries = Inquiries::new(config);
        let working = AtomicUsize::new(WORKERS);
        let work = || {
            open_mailbox(FILTER);
            for _ in 0..INQUIRIES {
                let inquiry = inquiries.queue(mailbox(FILTER).unwrap(), callout()).unwrap();
                let mut results = take_results(FILTER);
                while results.is_empty() {
                    std::thread::yield_now();
                    results = take_results(FILTER);
                }
                let results: Vec<u64> = results.iter().map(|result| result.inquiry).collect();
                assert_eq!(results, [inquiry]);
            }
            close_mailbox(FILTER);
            working.fetch_sub(1, Ordering::Relaxed);
        };
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(work);
            }
            // This is the main thread. A callout without Envoy fails at once.
            while working.load(Ordering::Relaxed) > 0 {
                inquiries.start_queued(config);
                std::thread::yield_now();
            }
        });
        assert_eq!(inquiries.in_progress.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn beyond_the_maximum_a_new_inquiry_fails_as_a_callout() {
        let config = FilterConfig::unconnected();
        let (inquiries, mailbox) = (Inquiries::new(config), Arc::<Mailbox>::default());
        let queue = || inquiries.queue(mailbox.clone(), callout());
        for _ in 0..INQUIRIES_MAX {
            assert!(queue().is_ok());
        }
        assert!(matches!(queue(), Err(Outcome::Reset)), "the newest fails");
        inquiries.start_queued(config);
        let results = lock(&mailbox.contents).results.len();
        assert_eq!(results, INQUIRIES_MAX, "those before it get their results");
        assert!(queue().is_ok(), "and make room");
    }
}
