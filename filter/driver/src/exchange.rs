//! One request in a filter: its machine, its stage, and the header fields that its response will get.

use crate::host::{Host, HostError, raise};
use crate::undecided::{self, UndecidedError};
use tollgate_core::InquiryId;
use tollgate_core::alarm::{Alarm, AlarmCode, FAULT_CURE};
use tollgate_core::http::{Forward, Reply};

/// The stage of a request.
///
/// ```text
///         forward
///  Held ───────────▶ Forwarded
///   │                    │ the trailers cannot be cleaned
///   │ reply, refuse,     ▼
///   └───────────────▶ Replied
///     response of the host itself
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// There is no decision yet.
    Held,
    /// The upstream gets it.
    Forwarded,
    /// The gateway has replied.
    Replied,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Exchange<M> {
    /// The context of its filter.
    pub(crate) filter_id: u32,
    pub(crate) machine: M,
    pub(crate) stage: Stage,
    /// The number of bytes of the body that the host holds.
    pub(crate) body_bytes: usize,
    /// Whether the machine got the whole body.
    pub(crate) body_passed: bool,
    /// Whether a callout was ever started for it.
    pub(crate) has_called: bool,
    /// The inquiry that it waits for.
    pub(crate) awaited: Option<InquiryId>,
    respond_with: Vec<(&'static str, String)>,
    needs_response_status: bool,
    /// Whether there was a response.
    responded: bool,
}

impl<M> Exchange<M> {
    /// Returns a new request.
    pub(crate) fn new(filter_id: u32, machine: M) -> Self {
        Exchange {
            filter_id,
            machine,
            stage: Stage::Held,
            body_bytes: 0,
            body_passed: false,
            has_called: false,
            awaited: None,
            respond_with: Vec::new(),
            needs_response_status: false,
            responded: false,
        }
    }

    /// Changes the request's header fields and lets it continue. If they cannot be changed, it is refused:
    /// the upstream would trust header fields that an attacker sent.
    pub(crate) fn forward<H: Host>(&mut self, host: &mut H, forward: Forward) {
        match change_request(host, &forward) {
            Ok(()) => {
                self.respond_with = forward.respond_with;
                self.needs_response_status = forward.needs_response_status;
                self.stage = Stage::Forwarded;
            }
            Err(error) => self.refuse(host, UndecidedError::HeaderKept(error)),
        }
    }

    /// Replies to the request.
    pub(crate) fn reply<H: Host>(&mut self, host: &mut H, reply: Reply) {
        self.stage = Stage::Replied;
        if let Err(HostError(status)) = host.reply(reply) {
            let cause = "Envoy did not send the response to a request, which stays held";
            let alarm = Alarm::error(AlarmCode::ReplyRefused, cause, FAULT_CURE);
            raise(host, &alarm.with("status", status));
        }
    }

    /// Refuses the request if there is no decision yet.
    pub(crate) fn refuse_undecided<H: Host>(&mut self, host: &mut H, error: UndecidedError) {
        if self.stage == Stage::Held {
            self.refuse(host, error);
        }
    }

    /// Refuses the request because of an error here, unless the gateway has replied already.
    pub(crate) fn refuse<H: Host>(&mut self, host: &mut H, error: UndecidedError) {
        if self.stage != Stage::Replied {
            self.stage = Stage::Replied;
            undecided::refuse(host, error);
        }
    }

    /// Sets the header fields of the response. Those that the host rejects are left out: the request was
    /// permitted. A request that is still held has a response of the host itself, such as 413, and gets no
    /// other.
    pub(crate) fn respond<H: Host>(&mut self, host: &mut H) {
        self.responded = true;
        if self.stage == Stage::Held {
            self.stage = Stage::Replied;
        }
        let fields = std::mem::take(&mut self.respond_with);
        if fields.is_empty() {
            return;
        }
        let replaces = host.response_may_have(&fields);
        for (name, value) in fields {
            let set = match replaces {
                true => host.set_response_header(name, value.as_bytes()),
                false => host.add_response_header(name, value.as_bytes()),
            };
            if let Err(HostError(status)) = set {
                let cause = format!("Envoy did not set the header field {name} of a response");
                let alarm = Alarm::warning(AlarmCode::ResponseFieldRefused, cause, FAULT_CURE);
                raise(host, &alarm.with("field", name).with("status", status));
            }
        }
    }

    /// Returns whether the request was forwarded and has had no response.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.stage == Stage::Forwarded && !self.responded
    }

    /// Returns the status of the response, once, if the machine requested it.
    pub(crate) fn requested_status<H: Host>(&mut self, host: &mut H) -> Option<u16> {
        if std::mem::take(&mut self.needs_response_status) { host.response_status() } else { None }
    }

    /// Resumes a request that was forwarded outside of its own callbacks.
    pub(crate) fn resume_if_forwarded<H: Host>(&self, host: &mut H) {
        if self.stage == Stage::Forwarded
            && let Err(HostError(status)) = host.resume_request()
        {
            let cause = "Envoy did not resume a forwarded request, which stays held";
            let alarm = Alarm::error(AlarmCode::ResumeRefused, cause, FAULT_CURE);
            raise(host, &alarm.with("status", status));
        }
    }
}

fn change_request<H: Host>(host: &mut H, forward: &Forward) -> Result<(), HostError> {
    for name in &forward.remove {
        host.remove_request_header(name)?;
    }
    for (name, value) in &forward.add {
        host.add_request_header(name, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryHost;

    #[test]
    fn the_fields_of_the_response_have_only_the_gateways_values() {
        for (why, upstream) in [("the upstream has one", Some("1")), ("the upstream has none", None)] {
            let mut host = MemoryHost::default();
            let field = |value: &str| ("x-ratelimit-limit".to_owned(), value.as_bytes().to_vec());
            host.request().response.extend(upstream.map(field));
            let mut exchange = Exchange::new(1, ());
            let respond_with = vec![("x-ratelimit-limit", "5".to_owned()), ("ratelimit", "r".to_owned())];
            exchange.forward(&mut host, Forward { respond_with, ..Forward::default() });
            exchange.respond(&mut host);
            assert_eq!(
                host.request().response,
                [field("5"), ("ratelimit".to_owned(), b"r".to_vec())],
                "{why}"
            );
        }
    }
}
