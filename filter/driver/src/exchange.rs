//! One request on its way through a filter: its machine, how far it has come, and what its response will get.

use crate::host::{Host, HostError, raise};
use crate::unjudged::{self, UnjudgedError};
use tollgate_core::InquiryId;
use tollgate_core::alarm::{Alarm, AlarmCode};
use tollgate_core::http::{Forward, Reply};

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not judged yet.
    Held,
    /// On its way to the upstream.
    Forwarded,
    /// Answered by the gateway.
    Replied,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Exchange<M> {
    /// Its filter's context.
    pub(crate) filter_id: u32,
    pub(crate) machine: M,
    pub(crate) stage: Stage,
    /// How many bytes of the body the host holds.
    pub(crate) body_bytes: usize,
    /// Whether the machine was given the whole body.
    pub(crate) body_given: bool,
    /// Whether a callout was ever started for it.
    pub(crate) has_called: bool,
    /// The inquiry for whose end it is held.
    pub(crate) awaits: Option<InquiryId>,
    respond_with: Vec<(&'static str, String)>,
    tell_status: bool,
    /// Whether there was a response.
    responded: bool,
}

impl<M> Exchange<M> {
    /// Returns a request that has just begun.
    pub(crate) fn new(filter_id: u32, machine: M) -> Self {
        Exchange {
            filter_id,
            machine,
            stage: Stage::Held,
            body_bytes: 0,
            body_given: false,
            has_called: false,
            awaits: None,
            respond_with: Vec::new(),
            tell_status: false,
            responded: false,
        }
    }

    /// Changes the request's header fields and lets it continue. If they cannot be changed it is refused: the upstream
    /// would believe what a stranger wrote there.
    pub(crate) fn forward<H: Host>(&mut self, host: &mut H, forward: Forward) {
        match change_request(host, &forward) {
            Ok(()) => {
                self.respond_with = forward.respond_with;
                self.tell_status = forward.tell_status;
                self.stage = Stage::Forwarded;
            }
            Err(error) => self.refuse(host, UnjudgedError::HeaderKept(error)),
        }
    }

    /// Answers the request.
    pub(crate) fn reply<H: Host>(&mut self, host: &mut H, reply: Reply) {
        self.stage = Stage::Replied;
        if let Err(HostError(status)) = host.reply(reply) {
            let detail = "the host did not send the reply to a request";
            raise(host, &Alarm::error(AlarmCode::ReplyRefused, detail).with("status", status));
        }
    }

    /// Refuses the request because it could not be judged. One that was forwarded was judged before.
    pub(crate) fn refuse_unjudged<H: Host>(&mut self, host: &mut H, error: UnjudgedError) {
        if self.stage == Stage::Held {
            self.refuse(host, error);
        }
    }

    /// Refuses the request because something went wrong here, unless it is answered already.
    pub(crate) fn refuse<H: Host>(&mut self, host: &mut H, error: UnjudgedError) {
        if self.stage != Stage::Replied {
            self.stage = Stage::Replied;
            unjudged::refuse(host, error);
        }
    }

    /// Sets the header fields of the response. Those that the host refuses are left out: the request was judged.
    pub(crate) fn respond<H: Host>(&mut self, host: &mut H) {
        self.responded = true;
        for (name, value) in std::mem::take(&mut self.respond_with) {
            if let Err(HostError(status)) = host.set_response_header(name, value.as_bytes()) {
                let detail = "the host did not set a header field of a response";
                let alarm = Alarm::warning(AlarmCode::ResponseFieldRefused, detail);
                raise(host, &alarm.with("field", name).with("status", status));
            }
        }
    }

    /// Returns whether the request was forwarded and there was no response.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.stage == Stage::Forwarded && !self.responded
    }

    /// Returns the status of the response, once, if the machine asked for it.
    pub(crate) fn status_to_tell<H: Host>(&mut self, host: &mut H) -> Option<u16> {
        if std::mem::take(&mut self.tell_status) { host.response_status() } else { None }
    }

    /// Lets a request continue that was judged outside of its own callbacks.
    pub(crate) fn resume_if_forwarded<H: Host>(&self, host: &mut H) {
        if self.stage == Stage::Forwarded
            && let Err(HostError(status)) = host.resume_request()
        {
            let detail = "the host did not let a judged request go on";
            raise(host, &Alarm::error(AlarmCode::ResumeRefused, detail).with("status", status));
        }
    }
}

fn change_request<H: Host>(host: &mut H, forward: &Forward) -> Result<(), HostError> {
    for name in &forward.remove {
        host.remove_request_header(name)?;
    }
    for (name, value) in &forward.set {
        host.set_request_header(name, value)?;
    }
    Ok(())
}
