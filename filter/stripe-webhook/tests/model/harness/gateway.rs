//! The gateway: its document, and replicas of the filter, which share data if they are of one process.

use clerk_webhook::ClerkWebhook;
use serde_json::{Value, json};
use stripe_webhook::StripeWebhook;
use tollgate_core::config::{self, ClerkWebhookSettings, Configuration, StripeWebhookSettings, SyncSettings};
use tollgate_core::http::Callout;
use tollgate_core::time::Micros;
use tollgate_driver::memory::{MemoryHost, MemoryRequest, SharedData};
use tollgate_driver::{CalloutResult, Dispatch, Flow};

/// The secret with which Stripe signs.
pub(crate) const SIGNING_SECRET: &str = "whsec_model";

/// The secret with which Clerk signs: the key of 24 zeros, in base64.
const CLERK_SIGNING_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The key of that secret.
pub(crate) const CLERK_SIGNING_KEY: [u8; 24] = [0; 24];

/// The environment of every gateway and command.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("STRIPE_WEBHOOK_SECRET", SIGNING_SECRET),
    ("CLERK_WEBHOOK_SIGNING_SECRET", CLERK_SIGNING_SECRET),
    ("STRIPE_API_KEY", "sk_live_stripe"),
    ("CLERK_SECRET_KEY", "sk_live_clerk"),
];

/// The context of the filter. Those of requests come after it.
const FILTER: u32 = 1;

/// Returns the document of the tests, with those members of `stripe_webhook` changed.
pub(crate) fn document(changes: Value) -> String {
    document_with_plans(|_| true, changes)
}

/// Returns the same with only some of the plans, as it was before the others were sold, or as it is after.
pub(crate) fn document_with_plans(sells: impl Fn(&str) -> bool, changes: Value) -> String {
    let mut document = json!({
        "plans": [
            {"name": "free", "prices": ["price_free"]},
            {"name": "pro", "prices": ["price_pro"]},
            {"name": "enterprise", "prices": ["price_ent"]},
        ],
        "not_plans": {"prices": ["price_addon"]},
        "stripe_webhook": {
            "path": "/webhooks/stripe",
            "livemode": true,
            "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
            "stripe": {"cluster": "stripe_api"},
            "clerk": {"cluster": "clerk_api"},
        },
    });
    let plans = document["plans"].as_array_mut().unwrap();
    plans.retain(|plan| sells(plan["name"].as_str().unwrap()));
    let section = document["stripe_webhook"].as_object_mut().unwrap();
    section.extend(changes.as_object().cloned().unwrap_or_default());
    document.to_string()
}

/// Returns a document that also mirrors Clerk Billing.
pub(crate) fn document_with_both_sources() -> String {
    mirroring(serde_json::from_str(&document(Value::Null)).unwrap())
}

/// Returns a document that reads only Clerk Billing.
pub(crate) fn document_with_clerk_billing_alone() -> String {
    let mut document: Value = serde_json::from_str(&document(Value::Null)).unwrap();
    document.as_object_mut().unwrap().remove("stripe_webhook");
    mirroring(document)
}

fn mirroring(mut document: Value) -> String {
    document["clerk_webhook"] = json!({
        "path": "/webhooks/clerk",
        "signing_secrets": {"env": "CLERK_WEBHOOK_SIGNING_SECRET"},
        "billing": "mirror",
        "clerk": {"cluster": "clerk_api"},
    });
    document.to_string()
}

/// Returns what the command reads of a document.
pub(crate) fn configuration(document: &str) -> Configuration<SyncSettings> {
    let variable = |name: &str| {
        let found = ENVIRONMENT.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let (text, variable) = (document.as_bytes(), &variable);
    match config::read_without_signing::<StripeWebhookSettings>(text, variable) {
        Ok(read) => read.map_section(|section| section.sync),
        Err(_) => config::read_without_signing::<ClerkWebhookSettings>(text, variable)
            .map(|read| read.map_section(|section| section.sync))
            .unwrap(),
    }
}

/// A worker thread with the filter for Stripe's events or that for Clerk's.
pub(crate) struct Replica {
    dispatch: FilterDispatch,
    host: MemoryHost,
    requests_begun: u32,
}

enum FilterDispatch {
    Stripe(Dispatch<StripeWebhook, MemoryHost>),
    Clerk(Dispatch<ClerkWebhook, MemoryHost>),
}

/// Calls the dispatch of either filter.
macro_rules! dispatch {
    ($replica:expr, $dispatch:ident => $call:expr) => {
        match &mut $replica.dispatch {
            FilterDispatch::Stripe($dispatch) => $call,
            FilterDispatch::Clerk($dispatch) => $call,
        }
    };
}

impl Replica {
    /// Returns one of the process with that shared data.
    pub(crate) fn new(document: &str, shared: &SharedData) -> Self {
        Self::with_filter(FilterDispatch::Stripe(Dispatch::new()), document, shared)
    }

    /// Returns one with the filter for Clerk's events.
    pub(crate) fn for_clerk(document: &str, shared: &SharedData) -> Self {
        Self::with_filter(FilterDispatch::Clerk(Dispatch::new()), document, shared)
    }

    fn with_filter(dispatch: FilterDispatch, document: &str, shared: &SharedData) -> Self {
        let mut host = MemoryHost::default();
        host.environment = ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        host.shared = shared.clone();
        let mut replica = Replica { dispatch, host, requests_begun: 0 };
        let document = Some(document.as_bytes());
        let is_configured =
            dispatch!(replica, dispatch => dispatch.configure(&mut replica.host, FILTER, document));
        assert!(is_configured, "{:?}", replica.host.take_lines());
        replica
    }

    /// Goes on in another process.
    pub(crate) fn set_shared(&mut self, shared: &SharedData) {
        self.host.shared = shared.clone();
    }

    /// Begins a request. Returns its context, and whether it was let go.
    pub(super) fn begin(&mut self, now: Micros, request: MemoryRequest) -> (u32, Flow) {
        self.requests_begun += 1;
        let (id, bytes) = (FILTER + self.requests_begun, request.body.len());
        self.host.now = now;
        self.host.current = id;
        self.host.requests.insert(id, request);
        let flow = dispatch!(self, dispatch => {
            dispatch.begin_request(id, FILTER);
            dispatch.request_headers(&mut self.host, id, bytes == 0)
        });
        if bytes == 0 || flow == Flow::Continue {
            return (id, flow);
        }
        (id, dispatch!(self, dispatch => dispatch.request_body(&mut self.host, id, bytes, true)))
    }

    /// Ends a callout.
    pub(super) fn end_callout(&mut self, now: Micros, callout: u32, result: CalloutResult) {
        self.host.now = now;
        dispatch!(self, dispatch => dispatch.callout_ended(&mut self.host, callout, || result));
    }

    /// Gives a request that was let go the upstream's status.
    pub(super) fn respond(&mut self, now: Micros, request_id: u32, status: u16) {
        self.host.now = now;
        self.host.current = request_id;
        self.host.request().response_status = Some(status);
        dispatch!(self, dispatch => dispatch.response_headers(&mut self.host, request_id));
    }

    /// Ends a request. Its callouts are canceled.
    pub(super) fn end(&mut self, request_id: u32) {
        dispatch!(self, dispatch => dispatch.end_context(&mut self.host, request_id));
        self.host.requests.remove(&request_id);
    }

    /// Returns what has become of a request.
    pub(super) fn request(&self, request_id: u32) -> &MemoryRequest {
        &self.host.requests[&request_id]
    }

    /// Takes the callouts that were started since this was last called, by the host's numbers.
    pub(super) fn take_callouts(&mut self) -> Vec<(u32, Callout)> {
        self.host.take_callouts().into_iter().map(|started| (started.id, started.callout)).collect()
    }

    /// Takes the log lines that were written since this was last called.
    pub(super) fn take_lines(&mut self) -> Vec<Value> {
        let lines = self.host.take_lines().into_iter();
        lines.map(|(_, line)| serde_json::from_str(&line).unwrap()).collect()
    }
}
