//! One HTTP request in the billing filter: finds the endpoint, the caller, and the body, then runs the
//! endpoint.
//!
//! ```text
//! Header ─▶ Token ⇄ keys, signature ─▶ Body ─▶ Running ⇄ effects ─▶ Done
//!   │         │                          └────▶ Done: refused
//!   │         └───────────────────────────────▶ Done: no caller, or not allowed
//!   ├─▶ Running                                 (plans, which need no token)
//!   └─▶ Done: another path, no endpoint, preflight
//! ```

use super::caller::BillingCaller;
use super::context::BillingContext;
use super::effects::{Effects, EndpointResult, RunningEndpoint};
use super::error::BillingError;
use super::route::{EndpointKind, Route};
use super::running::{Progress, Running};
use super::start::start;
use super::worker::{BillingInquiryPurpose, BillingWorker};
use super::{metrics, plans};
use crate::auth::token::location::{self, TokenLocation};
use crate::auth::{AuthProgress, Authentication};
use crate::cors;
use crate::held::Hold;
use crate::http::{Forward, HeaderMap, Outcome, Reply};
use crate::ids::Subject;
use crate::machine::{Action, Input, InquiryId, Machine, Step};
use crate::report::Report;
use crate::time::Micros;
use std::rc::Rc;

/// The maximum length of a body, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// The prefixes of Clerk's opaque machine tokens: API keys, OAuth tokens, and M2M tokens.
const MACHINE_TOKENS: [&[u8]; 3] = [b"ak_", b"oat_", b"mt_"];

/// One HTTP request in the billing filter.
#[derive(Debug, Default)]
pub struct BillingRequest {
    stage: BillingStage,
    /// The data of the header that is needed later.
    header: RequestHeader,
    /// The body, once it is complete.
    body: Option<Vec<u8>>,
    hold: Option<Hold>,
    subject: Option<Subject>,
    /// The alarm about its failure, and the text by which such alarms are limited.
    alarm: Option<(String, Report)>,
    reports: Vec<Report>,
}

/// The data of a request's header that is needed later.
#[derive(Debug, Default)]
struct RequestHeader {
    endpoint: Option<EndpointKind>,
    /// The index of the page's origin among the authorized parties.
    origin: Option<usize>,
    path: Vec<u8>,
    is_json: bool,
    has_cookie_token: bool,
    bytes: usize,
}

/// The input that a request waits for.
#[derive(Debug, Default)]
enum BillingStage {
    /// The header.
    #[default]
    Header,
    /// A signature to be checked, or keys.
    Token(Box<Authentication>),
    /// The rest of the body. The caller is known.
    Body(Rc<BillingCaller>),
    /// An effect of the endpoint.
    Running(Box<Running>),
    /// Nothing: the request was forwarded or has its response.
    Done,
}

impl Machine for BillingRequest {
    type Worker = BillingWorker;

    fn handle(&mut self, worker: &mut BillingWorker, now: Micros, input: Input<'_>) -> Step {
        let stage = std::mem::replace(&mut self.stage, BillingStage::Done);
        let action = match (stage, input) {
            (BillingStage::Header, Input::Head { headers, end_of_stream }) => {
                self.handle_header(worker, now, &headers, end_of_stream)
            }
            (stage, Input::BodyGrew { bytes }) => self.grow(worker, stage, bytes),
            (BillingStage::Body(caller), Input::Body(body)) => {
                self.body = Some(body.to_vec());
                self.handle_body(worker, now, &caller)
            }
            (stage @ BillingStage::Token(_), Input::Body(body)) => {
                self.body = Some(body.to_vec());
                self.wait_in(stage)
            }
            (BillingStage::Token(authentication), Input::Verified(verification)) => {
                let progress = authentication.verified(&mut worker.auth, verification, now);
                self.authenticated(worker, now, progress)
            }
            (BillingStage::Token(authentication), Input::InquiryStarted | Input::InquiryEnded) => {
                let progress = authentication.next(&mut worker.auth, now);
                self.authenticated(worker, now, progress)
            }
            (BillingStage::Running(running), input) => {
                let progress = (*running).handle(worker, now, &input, &mut self.reports);
                self.progressed(worker, progress)
            }
            // Inputs that this stage does not wait for are ignored.
            (stage, _) => self.wait_in(stage),
        };
        if matches!(action, Action::Reply(_) | Action::Forward(_)) {
            self.hold = None;
        }
        if let Some((cause, alarm)) = self.alarm.take()
            && worker.failures_logged.due(&cause, now).is_some()
        {
            self.reports.push(alarm);
        }
        Step { action, reports: std::mem::take(&mut self.reports) }
    }

    fn end_inquiry(
        worker: &mut BillingWorker,
        now: Micros,
        inquiry: InquiryId,
        outcome: Outcome<'_>,
    ) -> Vec<Report> {
        worker.end_inquiry(now, inquiry, &outcome)
    }
}

impl BillingRequest {
    fn wait_in(&mut self, stage: BillingStage) -> Action {
        self.stage = stage;
        Action::Wait
    }

    /// Finds the endpoint, and looks for the token.
    fn handle_header(
        &mut self,
        worker: &mut BillingWorker,
        now: Micros,
        headers: &HeaderMap,
        end_of_stream: bool,
    ) -> Action {
        let settings = &worker.shared.settings;
        self.header.origin = cors::allowed_origin(&settings.tokens.rules.authorized_parties, headers);
        let endpoint = match Route::new(&settings.path, headers) {
            Route::OtherPath => return Action::Forward(Forward::default()),
            Route::Refused(error) => return self.reply(worker, Err(error)),
            Route::Preflight(endpoint) => return self.preflight(worker, endpoint),
            Route::Endpoint(endpoint) => endpoint,
        };
        self.header = RequestHeader {
            endpoint: Some(endpoint),
            origin: self.header.origin,
            path: headers.get(":path").unwrap_or_default().to_vec(),
            is_json: is_json(headers.get("content-type")),
            has_cookie_token: matches!(
                location::find(headers, settings.tokens.cookie),
                Ok(TokenLocation::Cookies(_) | TokenLocation::TooManyCookies)
            ),
            bytes: headers.byte_len(),
        };
        if !endpoint.needs_token() {
            return self.run_plans(worker, now);
        }
        if is_machine_token(headers) {
            return self.reply(worker, Err(BillingError::UnsupportedToken));
        }
        self.hold = worker.held.hold(self.header.bytes);
        if self.hold.is_none() {
            return self.reply(worker, Err(BillingError::Overloaded));
        }
        if end_of_stream {
            self.body = Some(Vec::new());
        }
        let progress = Authentication::start(&mut worker.auth, headers, 0, now);
        self.authenticated(worker, now, progress)
    }

    fn preflight(&mut self, worker: &BillingWorker, endpoint: EndpointKind) -> Action {
        match self.cors_fields(worker) {
            readable if readable.is_empty() => {
                self.reply(worker, Err(BillingError::MethodNotAllowed { allow: endpoint.methods() }))
            }
            readable => {
                let fields = "authorization, content-type";
                Action::Reply(cors::preflight(readable, endpoint.methods(), fields))
            }
        }
    }

    /// Handles the size of the body so far. Only the body of a POST is limited.
    fn grow(&mut self, worker: &BillingWorker, stage: BillingStage, bytes: usize) -> Action {
        let is_post = self.header.endpoint.is_some_and(EndpointKind::is_post);
        if !is_post || matches!(stage, BillingStage::Done | BillingStage::Running(_)) {
            return self.wait_in(stage);
        }
        if bytes > BODY_BYTES_MAX {
            return self.reply(worker, Err(BillingError::BodyTooLarge));
        }
        let total = self.header.bytes.saturating_add(bytes);
        if self.hold.as_mut().is_none_or(|hold| !hold.resize(total)) {
            return self.reply(worker, Err(BillingError::Overloaded));
        }
        self.wait_in(stage)
    }

    fn authenticated(
        &mut self,
        worker: &mut BillingWorker,
        now: Micros,
        progress: AuthProgress<BillingCaller>,
    ) -> Action {
        match progress {
            AuthProgress::Perform(authentication, action) => {
                self.stage = BillingStage::Token(authentication);
                action
            }
            AuthProgress::Fetch(authentication, callout) => {
                self.stage = BillingStage::Token(authentication);
                let inquiry = worker.inquiries.start(BillingInquiryPurpose::Keys);
                worker.auth.fetch_started(inquiry, now);
                Action::StartInquiry { inquiry, callout: Box::new(callout) }
            }
            AuthProgress::Known(caller) => self.handle_caller(worker, now, caller),
            AuthProgress::Verified(token) => {
                let (bytes, session) = token.into_parts();
                let caller = BillingCaller::new(session, &worker.shared.settings);
                let caller = worker.auth.remember(&bytes, caller);
                self.handle_caller(worker, now, caller)
            }
            AuthProgress::Failed { error, received, .. } => {
                self.reports.extend(worker.auth.refusal_alarm(error, received.as_deref(), now));
                self.reply(worker, Err(BillingError::Auth(error)))
            }
        }
    }

    /// Checks whether the caller may use the endpoint, before the body is read.
    fn handle_caller(
        &mut self,
        worker: &mut BillingWorker,
        now: Micros,
        caller: Rc<BillingCaller>,
    ) -> Action {
        let is_post = self.header.endpoint.is_some_and(EndpointKind::is_post);
        // Browsers also send a cookie with requests of other sites.
        if is_post && self.header.has_cookie_token && self.header.origin.is_none() {
            return self.reply(worker, Err(BillingError::OriginRequired));
        }
        match caller.subject() {
            Ok(subject) => self.subject = Some(subject.clone()),
            Err(error) => return self.reply(worker, Err(error)),
        }
        if is_post && !self.header.is_json {
            return self.reply(worker, Err(BillingError::UnsupportedMediaType));
        }
        match self.body {
            None if is_post => self.wait_in(BillingStage::Body(caller)),
            _ => self.handle_body(worker, now, &caller),
        }
    }

    fn handle_body(&mut self, worker: &mut BillingWorker, now: Micros, caller: &BillingCaller) -> Action {
        let body = self.body.take().unwrap_or_default();
        if body.len() > BODY_BYTES_MAX {
            return self.reply(worker, Err(BillingError::BodyTooLarge));
        }
        let (Some(endpoint), Ok(subject)) = (self.header.endpoint, caller.subject()) else {
            return self.reply(worker, Err(BillingError::Internal));
        };
        let cx = BillingContext {
            effects: Effects::default(),
            shared: Rc::clone(&worker.shared),
            subject: subject.clone(),
        };
        match start(endpoint, cx, &body, &self.header.path) {
            Ok(running) => {
                let progress = Running::start(running, worker, now, &mut self.reports);
                self.progressed(worker, progress)
            }
            Err(error) => self.reply(worker, Err(error)),
        }
    }

    fn run_plans(&mut self, worker: &mut BillingWorker, now: Micros) -> Action {
        let (effects, shared) = (Effects::default(), Rc::clone(&worker.shared));
        let own = effects.clone();
        let running = RunningEndpoint::new(effects, async move {
            let prices = super::context::prices(&own).await?;
            Ok(plans::plans(&shared.settings, &shared.plans, &prices))
        });
        let progress = Running::start(running, worker, now, &mut self.reports);
        self.progressed(worker, progress)
    }

    fn progressed(&mut self, worker: &BillingWorker, progress: Progress) -> Action {
        match progress {
            Progress::Perform(running, action) => {
                self.stage = BillingStage::Running(running);
                action
            }
            Progress::Ended(result) => self.reply(worker, result),
        }
    }

    /// Returns the header fields by which a page of an authorized party may read the response.
    fn cors_fields(&self, worker: &BillingWorker) -> Vec<(&'static str, String)> {
        let settings = &worker.shared.settings;
        let origin = self.header.origin.filter(|_| settings.cors);
        cors::response_fields(&settings.tokens.rules.authorized_parties, origin)
    }

    fn reply(&mut self, worker: &BillingWorker, result: EndpointResult) -> Action {
        if let Some(endpoint) = self.header.endpoint {
            self.reports.push(metrics::response_count(endpoint, &result));
        }
        let details = self.header.endpoint.map_or("billing", EndpointKind::name);
        let mut reply = match result {
            Ok(response) => response.into_reply(details),
            Err(error) => {
                let subject = self.subject.as_ref();
                let cause = format!("{} {}", error.code().as_str(), subject.map_or("", Subject::as_str));
                self.alarm = error.alarm(&worker.sync.settings, subject).map(|alarm| (cause, alarm));
                let mut reply = Reply::from(error.problem());
                reply.headers.push(("cache-control", "no-store".to_owned()));
                reply
            }
        };
        match self.cors_fields(worker) {
            // A cache must not return the response to a page of another origin.
            fields if fields.is_empty() && worker.shared.settings.cors => {
                reply.headers.push(("vary", "origin".to_owned()));
            }
            fields => reply.headers.extend(fields),
        }
        Action::Reply(reply)
    }
}

/// Returns whether a content type is JSON. Parameters such as `charset` are ignored.
fn is_json(content_type: Option<&[u8]>) -> bool {
    let essence = content_type.and_then(|value| value.split(|byte| *byte == b';').next());
    essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(b"application/json"))
}

fn is_machine_token(headers: &HeaderMap) -> bool {
    match location::find(headers, false) {
        Ok(TokenLocation::Bearer(token)) => MACHINE_TOKENS.iter().any(|prefix| token.starts_with(prefix)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_recognized_without_regard_to_parameters() {
        let cases = [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("application/json ;x"), true),
            (Some("text/plain"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (Some("text/plain; application/json"), false),
            (Some("application/jsonp"), false),
            (Some(""), false),
            (None, false),
        ];
        for (value, want) in cases {
            assert_eq!(is_json(value.map(str::as_bytes)), want, "{value:?}");
        }
    }
}
