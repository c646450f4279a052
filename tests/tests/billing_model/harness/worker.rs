//! A worker thread of a gateway with one filter. Its callouts end when and as the shop decides.

use billing::BillingFilter;
use serde_json::{Value, json};
use stripe_webhook::StripeWebhook;
use tollgate_core::http::Reply;
use tollgate_core::machine::Verification;
use tollgate_core::time::Micros;
use tollgate_driver::memory::{MemoryHost, MemoryRequest, SharedData, StartedCallout};
use tollgate_driver::{CalloutResult, Dispatch, Filter, Flow};
use tollgate_tests::fakes::clerk::keys::KeyPair;

/// The secret with which Stripe signs its events.
pub(crate) const SIGNING_SECRET: &str = "whsec_model";

/// The context of the filter. Those of requests come after it.
const FILTER: u32 = 1;

/// Returns the document of all gateways: three plans, a trial of one, and a purchase.
pub(crate) fn document() -> Value {
    json!({
        "plans": [
            {"name": "free", "limits": {"asks": [{"max": 5, "per": "day"}]}},
            {"name": "pro", "prices": ["price_pro"], "limits": {"asks": [{"max": 100, "per": "month"}]}},
            {"name": "enterprise", "prices": ["price_ent"], "lookup_keys": ["ent_yearly"],
             "limits": {"asks": "unlimited"}},
        ],
        "stripe_webhook": {
            "path": "/webhooks/stripe",
            "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
            "stripe": {"cluster": "stripe_api"},
            "clerk": {"cluster": "clerk_api"},
        },
        "billing": {
            "path": "/billing",
            "success_url": "https://app.example.com/billing?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://app.example.com/pricing",
            "return_url": "https://app.example.com/billing",
            "checkout": {"trial": {"days": 14, "plans": ["pro"], "payment_method": "if_required"}},
            "purchases": [{"name": "credits_100", "price": "price_credits"}],
            "stripe": {"cluster": "stripe_api"},
            "clerk": {"cluster": "clerk_api"},
        },
        "plan_gate": {
            "issuer": "https://clerk.example.com",
            "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
            "authorized_parties": ["https://app.example.com"],
            "rules": [{"name": "ask", "path_prefix": "/ask", "limit": "asks"}],
        },
    })
}

/// A worker thread with one filter.
pub(crate) trait Worker {
    /// Begins a request and returns its context.
    fn begin(&mut self, now: Micros, request: MemoryRequest) -> u32;
    /// Ends a callout.
    fn end_callout(&mut self, now: Micros, callout: u32, result: CalloutResult);
    /// Takes the callouts that were started since this was last called.
    fn take_callouts(&mut self) -> Vec<StartedCallout>;
    /// Takes the log lines that were written since this was last called.
    fn take_lines(&mut self) -> Vec<String>;
    /// Returns the reply to a request, once there is one.
    fn reply(&self, request: u32) -> Option<Reply>;
    /// Ends a request: its client has its reply, or has disconnected. Its callouts are canceled.
    fn end(&mut self, request: u32);
}

/// Returns a worker with the billing endpoints, in the process with that shared data.
pub(crate) fn billing_worker(shared: &SharedData) -> Box<dyn Worker> {
    Box::new(FilterWorker::<BillingFilter>::new(shared))
}

/// Returns a worker with the webhook, in the process with that shared data.
pub(crate) fn webhook_worker(shared: &SharedData) -> Box<dyn Worker> {
    Box::new(FilterWorker::<StripeWebhook>::new(shared))
}

struct FilterWorker<F: Filter> {
    dispatch: Dispatch<F, MemoryHost>,
    host: MemoryHost,
    requests_begun: u32,
}

impl<F: Filter> FilterWorker<F> {
    fn new(shared: &SharedData) -> Self {
        let environment =
            [("STRIPE_WEBHOOK_SECRET", SIGNING_SECRET.to_owned()), ("CLERK_JWT_KEY", KeyPair::first().pem())];
        let mut host = MemoryHost::default();
        host.environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        // Whose signature is valid is tested elsewhere, and takes a while.
        host.verifier = Some(|_, _, _| Verification::Valid);
        host.shared = shared.clone();
        let mut dispatch = Dispatch::new();
        let is_configured = dispatch.configure(&mut host, FILTER, Some(document().to_string().as_bytes()));
        assert!(is_configured, "{:?}", host.take_lines());
        FilterWorker { dispatch, host, requests_begun: 0 }
    }
}

impl<F: Filter> Worker for FilterWorker<F> {
    fn begin(&mut self, now: Micros, request: MemoryRequest) -> u32 {
        self.requests_begun += 1;
        let (id, bytes) = (FILTER + self.requests_begun, request.body.len());
        (self.host.now, self.host.current) = (now, id);
        self.host.requests.insert(id, request);
        self.dispatch.begin_request(id, FILTER);
        let flow = self.dispatch.request_headers(&mut self.host, id, bytes == 0);
        if bytes > 0 && flow == Flow::Pause {
            self.host.current = id;
            let _ = self.dispatch.request_body(&mut self.host, id, bytes, true);
        }
        id
    }

    fn end_callout(&mut self, now: Micros, callout: u32, result: CalloutResult) {
        self.host.now = now;
        self.dispatch.callout_ended(&mut self.host, callout, || result);
    }

    fn take_callouts(&mut self) -> Vec<StartedCallout> {
        self.host.take_callouts()
    }

    fn take_lines(&mut self) -> Vec<String> {
        self.host.take_lines().into_iter().map(|(_, line)| line).collect()
    }

    fn reply(&self, request: u32) -> Option<Reply> {
        self.host.requests.get(&request)?.reply.clone()
    }

    fn end(&mut self, request: u32) {
        self.dispatch.end_context(&mut self.host, request);
        self.host.requests.remove(&request);
    }
}
