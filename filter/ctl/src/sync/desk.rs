//! Between the rules and the wire: sends callouts as the rates allow, and repeats what may be repeated.

use super::courier::{Answer, CALLS_MAX, Courier, Places};
use super::pace::{CLERK, Pace, Rates, TRIES_MAX, backoff};
use crate::clock::now;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use tollgate_core::http::{Callout, Request};
use tollgate_core::machine::CallId;
use tollgate_core::time::Micros;

/// How long nothing may happen before whoever waits is asked again, so that progress can be shown.
const IDLE_MAX: Duration = Duration::from_millis(500);

/// Whose callout it is: the number of the errand, and its own of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) errand: usize,
    pub(super) call: CallId,
}

#[derive(Debug)]
struct Waiting {
    address: Address,
    callout: Callout,
    tries: u32,
    not_before: Micros,
}

struct Answered {
    address: Address,
    tries: u32,
    callout: Callout,
    answer: Answer,
}

enum Message {
    Answered(Box<Answered>),
    Interrupted,
}

/// What happened.
pub(super) enum Event {
    /// A callout came to its end.
    Answered(Address, Answer),
    /// Somebody wants the command to end.
    Interrupted,
    /// Nothing for a while.
    Idle,
}

/// The desk.
pub(super) struct Desk {
    pace: Pace,
    waiting: Vec<Waiting>,
    on_their_way: usize,
    courier: Courier<(Address, u32)>,
    inbox: Receiver<Message>,
    /// What the client said when a connection last broke.
    pub(super) last_break: Option<String>,
    /// How many calls were repeated.
    pub(super) repeated: usize,
}

impl Desk {
    /// Opens it, and from then on takes Ctrl-C and SIGTERM as a wish to end.
    pub(super) fn open(places: &Places, rates: Rates) -> Self {
        let (messages, inbox) = channel();
        let interrupts = messages.clone();
        let heard = ctrlc::set_handler(move || {
            let _ = interrupts.send(Message::Interrupted);
        });
        if let Err(error) = heard {
            eprintln!("note: Ctrl-C will end this at once, and not after what is under way: {error}");
        }
        let courier = Courier::start(places, move |(address, tries), callout, answer| {
            let _ = messages.send(Message::Answered(Box::new(Answered { address, tries, callout, answer })));
        });
        let pace = Pace::new(rates);
        Desk { pace, waiting: Vec::new(), on_their_way: 0, courier, inbox, last_break: None, repeated: 0 }
    }

    /// Takes callouts of an errand.
    pub(super) fn post(&mut self, errand: usize, calls: Vec<(CallId, Callout)>) {
        let not_before = Micros::default();
        let waiting = calls.into_iter().map(|(call, callout)| {
            let address = Address { errand, call };
            Waiting { address, callout, tries: 0, not_before }
        });
        self.waiting.extend(waiting);
    }

    /// Forgets what an errand that has ended still wanted to ask.
    pub(super) fn forget(&mut self, errand: usize) {
        self.waiting.retain(|waiting| waiting.address.errand != errand);
    }

    /// Waits for what happens next.
    pub(super) fn next(&mut self) -> Event {
        loop {
            let wake = self.send_what_may_go();
            match self.inbox.recv_timeout(wake) {
                Ok(Message::Interrupted) => return Event::Interrupted,
                Ok(Message::Answered(answered)) => {
                    let Answered { address, tries, callout, answer } = *answered;
                    self.on_their_way = self.on_their_way.saturating_sub(1);
                    if let Answer::Reset(why) = &answer {
                        self.last_break = Some(why.clone());
                    }
                    match repeat_after(&callout, &answer, tries) {
                        Some(wait) => self.repeat(address, callout, tries, wait, &answer),
                        None => return Event::Answered(address, answer),
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if wake >= IDLE_MAX {
                        return Event::Idle;
                    }
                }
            }
        }
    }

    fn repeat(&mut self, address: Address, callout: Callout, tries: u32, wait: Duration, answer: &Answer) {
        let not_before = now().plus(wait);
        self.repeated = self.repeated.saturating_add(1);
        let is_busy = matches!(answer, Answer::Http { status: 429, .. });
        // Clerk limits the writes of one user or organisation: that is no reason to hold others back.
        if is_busy && !(callout.cluster == CLERK && changes_something(&callout)) {
            self.pace.hold(&callout, not_before);
        }
        self.waiting.push(Waiting { address, callout, tries, not_before });
    }

    /// Sends what may go now; how long to wait until more may, [`IDLE_MAX`] at most.
    fn send_what_may_go(&mut self) -> Duration {
        let now = now();
        let mut wake = now.plus(IDLE_MAX);
        let mut place = 0_usize;
        while self.on_their_way < CALLS_MAX
            && let Some(waiting) = self.waiting.get(place)
        {
            let may_go = match waiting.not_before > now {
                true => Err(waiting.not_before),
                false => self.pace.admit(now, &waiting.callout),
            };
            match may_go {
                Ok(()) => {
                    let Waiting { address, callout, tries, .. } = self.waiting.remove(place);
                    self.on_their_way = self.on_their_way.saturating_add(1);
                    self.courier.send((address, tries.saturating_add(1)), callout);
                }
                Err(later) => {
                    wake = wake.min(later);
                    place = place.saturating_add(1);
                }
            }
        }
        wake.since(now)
    }
}

fn changes_something(callout: &Callout) -> bool {
    !matches!(&callout.request, Request::Http { method: "GET", .. })
}

/// After what time a call is to be repeated, if at all. A read always may; a write only if it was turned away, for
/// nobody knows what became of it otherwise, and then everything is read anew.
fn repeat_after(callout: &Callout, answer: &Answer, tries: u32) -> Option<Duration> {
    let (turned_away, failed, asked) = match answer {
        Answer::Http { status, headers, .. } => {
            let seconds =
                headers.get("retry-after").and_then(|value| str::from_utf8(value).ok()?.parse().ok());
            (*status == 429, *status >= 500, seconds.map(Duration::from_secs))
        }
        Answer::TimedOut | Answer::Reset(_) => (false, true, None),
        Answer::TooLarge => (false, false, None),
    };
    let again = turned_away || (failed && !changes_something(callout));
    (again && tries < TRIES_MAX).then(|| backoff(tries, asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::http::HeaderMap;

    #[test]
    fn reads_are_repeated_and_writes_only_if_they_were_turned_away() {
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
            Answer::Http { status, headers: HeaderMap::from_fields(fields), body: vec![] }
        };
        let own = Some(Duration::from_millis(250));
        let cases = [
            ("an answer", "GET", http(200, ""), 1, None),
            ("a refusal", "GET", http(404, ""), 1, None),
            ("turned away", "GET", http(429, ""), 1, own),
            ("until then", "GET", http(429, "3"), 1, Some(Duration::from_secs(3))),
            ("a date is not read", "GET", http(429, "Thu, 26 Nov 2026 10:00:00 GMT"), 1, own),
            ("in trouble", "GET", http(503, ""), 1, own),
            ("no answer", "GET", Answer::TimedOut, 1, own),
            ("for the last time", "GET", Answer::TimedOut, TRIES_MAX, None),
            ("too large to be read", "GET", Answer::TooLarge, 1, None),
            ("a write turned away", "PATCH", http(429, ""), 1, own),
            ("a write that may have been done", "PATCH", Answer::TimedOut, 1, None),
            ("the same", "POST", http(500, ""), 1, None),
        ];
        for (why, method, answer, tries, want) in cases {
            assert_eq!(repeat_after(&callout(method), &answer, tries), want, "{why}");
        }
    }
}
