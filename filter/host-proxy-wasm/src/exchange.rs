//! One request on its way through a filter: its machine, how far it has come, and what its response will get.

use crate::abi::{self, MapType, Status};
use crate::fault::{self, Fault};
use crate::{headers, log, reply};
use tollgate_core::InquiryId;
use tollgate_core::http::{Forward, Reply};
use tollgate_core::report::Level;

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
    pub(crate) root_id: u32,
    pub(crate) machine: M,
    pub(crate) stage: Stage,
    /// How many bytes of the body Envoy holds.
    pub(crate) body_bytes: usize,
    /// Whether the machine was given the whole body.
    pub(crate) body_given: bool,
    /// Whether a callout was ever started for it.
    pub(crate) has_called: bool,
    /// The inquiry for whose end it is held.
    pub(crate) awaits: Option<InquiryId>,
    respond_with: Vec<(&'static str, String)>,
    tell_status: bool,
}

impl<M> Exchange<M> {
    /// A request that has just come.
    pub(crate) fn new(root_id: u32, machine: M) -> Self {
        Exchange {
            root_id,
            machine,
            stage: Stage::Held,
            body_bytes: 0,
            body_given: false,
            has_called: false,
            awaits: None,
            respond_with: Vec::new(),
            tell_status: false,
        }
    }

    /// Changes the request's header fields and lets it go on. If they cannot be changed it is refused: the upstream
    /// would believe what a stranger wrote there.
    pub(crate) fn forward(&mut self, forward: Forward) {
        match change_request(&forward) {
            Ok(()) => {
                self.respond_with = forward.respond_with;
                self.tell_status = forward.tell_status;
                self.stage = Stage::Forwarded;
            }
            Err(status) => self.refuse(Fault::HeaderKept(status)),
        }
    }

    /// Answers the request.
    pub(crate) fn reply(&mut self, answer: &Reply) {
        self.stage = Stage::Replied;
        if let Err(Status(status)) = reply::send(answer) {
            log::write(Level::Error, &format!(r#"{{"alarm":"reply_refused","status":{status}}}"#));
        }
    }

    /// Refuses the request because it could not be judged. One that has gone on was judged before.
    pub(crate) fn refuse_unjudged(&mut self, fault: Fault) {
        if self.stage == Stage::Held {
            self.refuse(fault);
        }
    }

    /// Refuses the request because something went wrong here, unless it is answered already.
    pub(crate) fn refuse(&mut self, fault: Fault) {
        if self.stage != Stage::Replied {
            self.stage = Stage::Replied;
            fault::refuse(fault);
        }
    }

    /// Sets the header fields of the response. Those that Envoy does not take are left out: the request was judged.
    pub(crate) fn respond(&mut self) {
        for (name, value) in std::mem::take(&mut self.respond_with) {
            if let Err(Status(status)) = headers::set(MapType::RESPONSE_HEADERS, name, value.as_bytes()) {
                let line =
                    format!(r#"{{"alarm":"response_field_refused","field":"{name}","status":{status}}}"#);
                log::write(Level::Warn, &line);
            }
        }
    }

    /// The status of the response, once, if the machine wants to know it.
    pub(crate) fn status_to_tell(&mut self) -> Option<u16> {
        if !std::mem::take(&mut self.tell_status) {
            return None;
        }
        let response = headers::read(MapType::RESPONSE_HEADERS).ok()?;
        std::str::from_utf8(response.get(":status")?).ok()?.parse().ok()
    }

    /// Lets a held request go on that was judged outside of its own callbacks.
    pub(crate) fn resume_if_forwarded(&self) {
        if self.stage == Stage::Forwarded
            && let Err(Status(status)) = abi::continue_request().ok()
        {
            log::write(Level::Error, &format!(r#"{{"alarm":"resume_refused","status":{status}}}"#));
        }
    }
}

fn change_request(forward: &Forward) -> Result<(), Status> {
    for name in &forward.remove {
        headers::remove(MapType::REQUEST_HEADERS, name)?;
    }
    for (name, value) in &forward.set {
        headers::set(MapType::REQUEST_HEADERS, name, value)?;
    }
    Ok(())
}
