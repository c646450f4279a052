//! A delivery works with any source: here one with another signature and other labels.

use super::{EventRejection, EventSource, EventWork, SourceLabels, VerifiedEvent};
use crate::config::{self, Mode, SyncSettings};
use crate::http::{Callout, HeaderMap};
use crate::identity::HeaderOwner;
use crate::ids::{CustomerId, EventId};
use crate::machine::{Action, Input, Machine, Version};
use crate::report::Metrics;
use crate::sync::{SyncState, Trigger, TriggerObject};
use crate::time::Micros;
use crate::unsigned::UnsignedCode;
use crate::webhook::delivery::Delivery;
use crate::webhook::worker::{Endpoint, WebhookWorker};

const NOW: Micros = Micros::from_secs(1_800_000_000);

/// A source whose signature is the header field `x-signed: yes` and whose body is the event's id. The id
/// `msg_customer` needs a sync of a customer.
#[derive(Debug)]
struct OtherSource;

impl EventSource for OtherSource {
    type Signature = ();

    const LABELS: SourceLabels = SourceLabels {
        method: "others send by POST too",
        unsigned: "this is not signed as others sign",
        event_field: "x-tollgate-other-event",
        result_field: "x-tollgate-other-result",
        header_owner: HeaderOwner::StripeWebhook,
        metrics: "tollgate.other",
        result_metrics: "tollgate.other.result",
        cancels_subscriptions: false,
    };

    fn read_signature(&self, headers: &HeaderMap, _: Micros) -> Result<(), EventRejection> {
        let cause = "not signed".to_owned();
        let is_signed = headers.get("x-signed") == Some(b"yes");
        is_signed.then_some(()).ok_or(EventRejection::Unsigned { code: UnsignedCode::Missing, cause })
    }

    fn verify(
        &self,
        (): &(),
        body: &[u8],
        now: Micros,
        _: &SyncSettings,
    ) -> Result<VerifiedEvent, EventRejection> {
        let id = EventId::parse(std::str::from_utf8(body).unwrap_or_default())
            .map_err(|error| EventRejection::Unreadable { detail: error.to_string() })?;
        let work = match id.as_str() {
            "msg_customer" => {
                let customer = TriggerObject::Customer(CustomerId::parse("cus_1").unwrap());
                let trigger = Trigger::new("user.deleted", customer);
                EventWork::Sync(Box::new(Trigger { event: Some(id.clone()), ..trigger }))
            }
            _ => EventWork::None(Vec::new()),
        };
        Ok(VerifiedEvent { id, signed_at: now, work })
    }
}

fn worker(mode: Mode) -> WebhookWorker<OtherSource> {
    let document = br#"{"plans": [{"name": "free"}], "stripe_webhook": {
        "path": "/s", "signing_secrets": {"env": "S"}, "stripe": {"cluster": "s"}, "clerk": {"cluster": "c"}}}"#;
    let configuration =
        config::read_without_signing::<config::StripeWebhookSettings>(document, &|_| None).unwrap();
    let sync = SyncState::new(configuration.map_section(|section| section.sync));
    WebhookWorker::with_source(
        OtherSource,
        Endpoint { path: "/others".to_owned(), mode, body_bytes_max: 99 },
        sync,
    )
}

fn deliver(
    worker: &mut WebhookWorker<OtherSource>,
    signed: &str,
    body: &str,
) -> (Delivery<OtherSource>, Action) {
    let fields = [(":method", "POST"), (":path", "/others"), ("x-signed", signed)];
    let headers = HeaderMap::from_fields(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    let mut delivery = Delivery::default();
    let first = delivery.handle(worker, NOW, Input::Head { headers, end_of_stream: false }).action;
    let action = match first {
        Action::Wait => delivery.handle(worker, NOW, Input::Body(body.as_bytes())).action,
        action => action,
    };
    (delivery, action)
}

#[test]
fn an_unsigned_request_is_refused_with_the_text_of_its_source() {
    let (_, action) = deliver(&mut worker(Mode::Respond), "no", "msg_1");
    let Action::Reply(reply) = action else { panic!("{action:?}") };
    let body = String::from_utf8(reply.body).unwrap();
    assert_eq!(reply.status, 400);
    assert!(body.contains("missing_signature") && body.contains("as others sign"), "{body}");
    let (_, action) = deliver(&mut worker(Mode::Respond), "yes", "msg.1");
    assert!(matches!(action, Action::Reply(reply) if reply.status == 400));
}

#[test]
fn an_ignored_event_gets_a_response_or_is_forwarded_with_its_fields() {
    let (_, action) = deliver(&mut worker(Mode::Respond), "yes", "msg_1");
    let Action::Reply(reply) = action else { panic!("{action:?}") };
    let body = String::from_utf8(reply.body).unwrap();
    assert_eq!(body, r#"{"received":true,"status":"ignored","event":"msg_1"}"#);
    let (_, action) = deliver(&mut worker(Mode::Forward), "yes", "msg_1");
    let Action::Forward(forward) = action else { panic!("{action:?}") };
    let want =
        [("x-tollgate-other-event", b"msg_1".to_vec()), ("x-tollgate-other-result", b"ignored".to_vec())];
    assert_eq!(forward.add, want);
}

#[test]
fn an_event_that_needs_a_sync_starts_one() {
    let mut worker = worker(Mode::Respond);
    let (mut delivery, action) = deliver(&mut worker, "yes", "msg_customer");
    assert!(matches!(action, Action::Load { .. }), "checks for a duplicate first: {action:?}");
    let input = Input::Loaded { value: None, version: Version::ABSENT };
    let action = delivery.handle(&mut worker, NOW, input).action;
    let Action::Call(calls) = action else { panic!("{action:?}") };
    let request_line = |callout: &Callout| format!("{:?}", callout.request);
    assert_eq!(request_line(&calls[0].1), "GET api.stripe.com/v1/customers/cus_1");
}

#[test]
fn metric_names_begin_with_the_prefix_of_the_source() {
    let names: Vec<_> = worker(Mode::Respond).metrics().into_iter().map(|metric| metric.name).collect();
    assert!(names.contains(&"tollgate.other.result.processed".to_owned()), "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("tollgate.other.")), "{names:?}");
}
