//! A delivery in progress on one replica, step by step: the test decides when and how each callout ends.

use super::gateway::{CLERK_SIGNING_KEY, Replica, SIGNING_SECRET};
use super::world::{changes_something, parts};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tollgate_core::http::{Callout, HeaderMap, Reply};
use tollgate_core::time::Micros;
use tollgate_driver::memory::MemoryRequest;
use tollgate_driver::{CalloutResult, Flow};

/// An HTTP request to the webhook.
#[derive(Clone, Debug)]
pub(crate) struct WebhookRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: &'a [u8],
}

/// Returns a delivery of `body`, signed at `signed_s` (Unix seconds).
pub(crate) fn signed(body: &str, signed_s: u64) -> WebhookRequest<'_> {
    let header = ("stripe-signature", format!("t={signed_s},v1={}", signature(body.as_bytes(), signed_s)));
    WebhookRequest { method: "POST", path: "/webhooks/stripe", headers: vec![header], body: body.as_bytes() }
}

/// Returns a delivery of Clerk's, with the id of a message.
pub(crate) fn signed_by_clerk<'a>(id: &str, body: &'a str, signed_s: u64) -> WebhookRequest<'a> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&CLERK_SIGNING_KEY).unwrap();
    mac.update(format!("{id}.{signed_s}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers = vec![
        ("svix-id", id.to_owned()),
        ("svix-timestamp", signed_s.to_string()),
        ("svix-signature", signature),
    ];
    WebhookRequest { method: "POST", path: "/webhooks/clerk", headers, body: body.as_bytes() }
}

pub(crate) fn signature(body: &[u8], signed_s: u64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING_SECRET.as_bytes()).unwrap();
    mac.update(format!("{signed_s}.").as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

impl WebhookRequest<'_> {
    fn to_memory(&self) -> MemoryRequest {
        let fields = [(":method", self.method), (":path", self.path)];
        let others = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let fields = fields.into_iter().chain(others);
        let headers = HeaderMap::from_fields(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        MemoryRequest { headers, body: self.body.to_vec(), ..MemoryRequest::default() }
    }
}

/// A delivery in progress.
#[derive(Debug)]
pub(crate) struct DeliveryRun {
    request_id: u32,
    /// The callouts whose results the filter does not have yet.
    pub(crate) in_flight: Vec<CalloutInFlight>,
    pub(crate) end: Option<DeliveryEnd>,
    /// Log lines, each with its fields.
    pub(crate) lines: Vec<Value>,
    /// All callouts so far, for example `GET /v1/users/user_1`, each with its round trip. The first round
    /// trip is 1; a callout that is sent when another one ends has the number after that one's.
    pub(crate) sent: Vec<(usize, String)>,
}

#[derive(Debug)]
pub(crate) struct CalloutInFlight {
    id: u32,
    pub(crate) round_trip: usize,
    pub(crate) callout: Callout,
    /// The result that the filter will get. `None` until the test has decided whether the callout takes
    /// effect.
    pub(crate) result: Option<CalloutResult>,
}

#[derive(Debug)]
pub(crate) enum DeliveryEnd {
    /// The filter responded.
    Replied(Reply),
    /// The filter forwarded the request to the upstream.
    Forwarded {
        /// The header fields that the filter added.
        added: Vec<(String, Vec<u8>)>,
        /// The names of the header fields that the filter removed.
        removed: Vec<Vec<u8>>,
    },
}

impl DeliveryRun {
    pub(crate) fn begin(request: &WebhookRequest<'_>, replica: &mut Replica, now: Micros) -> Self {
        let (request_id, flow) = replica.begin(now, request.to_memory());
        let mut run =
            DeliveryRun { request_id, in_flight: Vec::new(), end: None, lines: Vec::new(), sent: Vec::new() };
        run.observe(replica, flow == Flow::Continue, 1);
        run
    }

    /// Passes the result of the callout at `index` to the filter.
    pub(crate) fn end_callout(&mut self, replica: &mut Replica, now: Micros, index: usize) {
        let CalloutInFlight { id, round_trip, result, .. } = self.in_flight.swap_remove(index);
        replica.end_callout(now, id, result.expect("the callout has a result"));
        let resumed = replica.request(self.request_id).resumed;
        self.observe(replica, resumed, round_trip + 1);
    }

    /// Collects the log lines, callouts, and response that the filter's last input led to.
    fn observe(&mut self, replica: &mut Replica, forwarded: bool, round_trip: usize) {
        self.lines.extend(replica.take_lines());
        for (id, callout) in replica.take_callouts() {
            let (method, path, ..) = parts(&callout);
            self.sent.push((round_trip, format!("{method} {path}")));
            self.in_flight.push(CalloutInFlight { id, round_trip, callout, result: None });
        }
        let request = replica.request(self.request_id);
        self.end = match &request.reply {
            Some(reply) => Some(DeliveryEnd::Replied(reply.clone())),
            None if forwarded => {
                let (added, removed) = (request.added.clone(), request.removed.clone());
                Some(DeliveryEnd::Forwarded { added, removed })
            }
            None => None,
        };
    }

    /// Passes the upstream's status to the filter, after the request was forwarded.
    pub(crate) fn respond(self, replica: &mut Replica, now: Micros, status: u16) {
        assert!(matches!(self.end, Some(DeliveryEnd::Forwarded { .. })), "{self:?}");
        replica.respond(now, self.request_id, status);
        let (callouts, reply) = (replica.take_callouts(), &replica.request(self.request_id).reply);
        assert!(callouts.is_empty() && reply.is_none(), "{callouts:?} {reply:?}");
        replica.take_lines();
        replica.end(self.request_id);
    }

    /// Ends the request, with or without a response. Returns the callouts in progress that would change
    /// something if they still reached the service.
    pub(crate) fn close(self, replica: &mut Replica) -> Vec<Callout> {
        replica.end(self.request_id);
        let unfinished = self.in_flight.into_iter().filter(|call| call.result.is_none());
        unfinished.map(|call| call.callout).filter(changes_something).collect()
    }

    /// Removes and returns the audit lines about changes that were written since the last call.
    pub(crate) fn take_audit(&mut self) -> Vec<Value> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.retain(|line| line["audit"].is_string() && line["audit"] != "payment_failed");
        lines
    }

    /// Returns whether the delivery succeeded, or failed only because a price is not mapped to a plan.
    pub(crate) fn is_success(&self) -> bool {
        match &self.end {
            Some(DeliveryEnd::Replied(reply)) => reply.status == 200 || reply.details == "unmapped_price",
            Some(DeliveryEnd::Forwarded { .. }) => true,
            None => false,
        }
    }
}
