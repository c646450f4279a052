//! The gateway's side: a configuration, replicas that share data or do not, and a delivery on its way, step by step.

use super::world::{Ending, changes_something, parts};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::BTreeMap;
use tollgate_core::config::{self, Configuration, Webhook};
use tollgate_core::http::{Callout, Forward, HeaderMap, Reply};
use tollgate_core::machine::{Action, CallId, Input, Machine, Version};
use tollgate_core::report::Report;
use tollgate_core::time::Micros;
use tollgate_core::webhook::{StripeDelivery, StripeWorker};

const SECRET: &str = "whsec_model";

/// The configuration of the tests, with those members of `stripe_webhook` changed.
pub(crate) fn configuration(changes: Value) -> Configuration<Webhook> {
    configuration_of(|_| true, changes)
}

/// The same with only some of the plans, as it was before the others were sold, or as it is after.
pub(crate) fn configuration_of(sells: impl Fn(&str) -> bool, changes: Value) -> Configuration<Webhook> {
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
    let environment = |name: &str| match name {
        "STRIPE_WEBHOOK_SECRET" => Some(SECRET.to_owned()),
        "STRIPE_API_KEY" => Some("sk_live_stripe".to_owned()),
        "CLERK_SECRET_KEY" => Some("sk_live_clerk".to_owned()),
        _ => None,
    };
    config::read::<config::Webhook>(document.to_string().as_bytes(), &environment).unwrap()
}

/// A worker thread, and the shared data of its process.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) worker: StripeWorker,
    /// Which process it belongs to.
    pub(crate) process: usize,
}

/// The shared data of one process.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedData(BTreeMap<String, (Vec<u8>, u32)>);

impl SharedData {
    fn swap(&mut self, key: String, value: Vec<u8>, version: Version) -> bool {
        let (_, present) = self.0.get(&key).cloned().unwrap_or_default();
        let stored = present == version.0;
        if stored {
            self.0.insert(key, (value, present + 1));
        }
        stored
    }
}

/// A delivery on its way.
#[derive(Debug, Default)]
pub(crate) struct Passage {
    pub(crate) delivery: StripeDelivery,
    /// The callouts that were not answered yet.
    pub(crate) in_flight: Vec<InFlight>,
    pub(crate) end: Option<End>,
    pub(crate) reports: Vec<Report>,
    /// All callouts, as `GET /v1/users/user_1`, each with its round trip: how many came one after the other before it.
    pub(crate) sent: Vec<(usize, String)>,
}

#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    pub(crate) id: CallId,
    pub(crate) round_trip: usize,
    pub(crate) callout: Callout,
    /// How it will end, once it has taken effect or never will.
    pub(crate) ending: Option<Ending>,
}

#[derive(Debug)]
pub(crate) enum End {
    Reply(Reply),
    Forward(Forward),
}

/// What Stripe sends.
#[derive(Clone, Debug)]
pub(crate) struct Sending<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: &'a [u8],
}

/// A delivery of this event, signed then.
pub(crate) fn signed(body: &str, signed_s: u64) -> Sending<'_> {
    let header = ("stripe-signature", format!("t={signed_s},v1={}", signature(body.as_bytes(), signed_s)));
    Sending { method: "POST", path: "/webhooks/stripe", headers: vec![header], body: body.as_bytes() }
}

pub(crate) fn signature(body: &[u8], signed_s: u64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{signed_s}.").as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

impl Passage {
    pub(crate) fn begin(
        sending: &Sending<'_>,
        replica: &mut Replica,
        shared: &mut SharedData,
        now: Micros,
    ) -> Self {
        let mut passage = Passage::default();
        let fields = [(":method", sending.method), (":path", sending.path)];
        let others = sending.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let fields =
            fields.into_iter().chain(others).map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let headers = HeaderMap::from_fields(fields);
        let end_of_stream = sending.body.is_empty();
        passage.give(replica, shared, now, 0, Input::Head { headers, end_of_stream });
        if passage.end.is_none() && !end_of_stream {
            passage.give(replica, shared, now, 0, Input::BodyGrew { bytes: sending.body.len() });
        }
        if passage.end.is_none() && !end_of_stream {
            passage.give(replica, shared, now, 0, Input::Body(sending.body));
        }
        passage
    }

    /// Gives the delivery the outcome of its callout at that place.
    pub(crate) fn answer(
        &mut self,
        replica: &mut Replica,
        shared: &mut SharedData,
        now: Micros,
        place: usize,
    ) {
        let InFlight { id, round_trip, ending, .. } = self.in_flight.swap_remove(place);
        ending.expect("it has ended").with_outcome(|outcome| {
            self.give(replica, shared, now, round_trip, Input::Answered { call: id, outcome });
        });
    }

    pub(crate) fn give(
        &mut self,
        replica: &mut Replica,
        shared: &mut SharedData,
        now: Micros,
        round_trip: usize,
        input: Input<'_>,
    ) {
        let mut step = self.delivery.handle(&mut replica.worker, now, input);
        loop {
            self.reports.extend(step.reports);
            let value;
            let input = match step.action {
                Action::Wait => return,
                Action::Reply(reply) => return self.end = Some(End::Reply(reply)),
                Action::Forward(forward) => return self.end = Some(End::Forward(forward)),
                Action::Call(calls) => return self.call(calls, round_trip + 1),
                Action::Load { key } => {
                    value = shared.0.get(&key).cloned();
                    let version = value.as_ref().map_or(Version::ABSENT, |(_, version)| Version(*version));
                    Input::Loaded { value: value.as_ref().map(|(value, _)| value.as_slice()), version }
                }
                Action::Swap { key, value, version } => {
                    Input::Swapped { stored: shared.swap(key, value, version) }
                }
                action => panic!("{action:?}"),
            };
            step = self.delivery.handle(&mut replica.worker, now, input);
        }
    }

    fn call(&mut self, calls: Vec<(CallId, Callout)>, round_trip: usize) {
        for (id, callout) in calls {
            let (method, path, ..) = parts(&callout);
            self.sent.push((round_trip, format!("{method} {path}")));
            self.in_flight.push(InFlight { id, round_trip, callout, ending: None });
        }
    }

    /// The lines of the audit since this was last asked.
    pub(crate) fn take_audit(&mut self) -> Vec<Value> {
        let lines = std::mem::take(&mut self.reports).into_iter().filter_map(|report| match report {
            Report::Line(_, line) => Some(serde_json::from_str::<Value>(&line).unwrap()),
            Report::Count(_) | Report::Record(..) => None,
        });
        lines.filter(|line| line["audit"].is_string() && line["audit"] != "payment_failed").collect()
    }

    /// The callouts that would still change something if they went on without it.
    pub(crate) fn orphans(self) -> impl Iterator<Item = Callout> {
        let on_their_way = self.in_flight.into_iter().filter(|call| call.ending.is_none());
        on_their_way.map(|call| call.callout).filter(changes_something)
    }

    /// Whether Stripe is content, or all that is known was written and a mapping is waited for: then no retry may be needed.
    pub(crate) fn is_success(&self) -> bool {
        match &self.end {
            Some(End::Reply(reply)) => reply.status == 200 || reply.details == "unmapped_price",
            Some(End::Forward(_)) => true,
            None => false,
        }
    }
}
