//! The bytes of webhooks that a worker thread holds are released when their streams end, for any reason.

use super::*;
use crate::abi::BufferType;
use tollgate_core::config;
use tollgate_core::webhook::{StripeDelivery, StripeWorker};
use tollgate_driver::Setup;

const DOCUMENT: &str = r#"{
    "plans": [{"name": "free"}, {"name": "pro", "prices": ["price_1"]}],
    "stripe_webhook": {
        "path": "/webhooks/stripe", "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"},
        "stripe": {"cluster": "stripe_api"}, "clerk": {"cluster": "clerk_api"}
    }
}"#;

struct Webhook;

impl Filter for Webhook {
    type Worker = StripeWorker;
    type Request = StripeDelivery;

    const READS_BODY: bool = true;

    fn configure(_: Setup<'_>) -> Result<StripeWorker, String> {
        let environment = |name: &str| {
            (name == "STRIPE_WEBHOOK_SECRET").then(|| "whsec_0123456789abcdef0123456789abcdef".to_owned())
        };
        let configuration = config::read::<config::StripeWebhookSettings>(DOCUMENT.as_bytes(), &environment)
            .map_err(|e| e.to_string())?;
        Ok(StripeWorker::new(configuration))
    }

    fn request(_: &StripeWorker) -> StripeDelivery {
        StripeDelivery::default()
    }
}

/// Starts deliveries and holds them. Returns how many were refused.
fn begin(dispatch: &mut Callbacks<Webhook>, contexts: std::ops::Range<u32>) -> usize {
    scripted::events();
    for context_id in contexts {
        dispatch.context_create(context_id, ROOT);
        dispatch.request_headers(context_id, false);
        dispatch.request_body(context_id, 1024, false);
    }
    scripted::events().iter().filter(|event| matches!(event, Event::Replied { status: 503, .. })).count()
}

#[test]
fn a_stream_that_ends_releases_its_held_bytes() {
    scripted::reset();
    let signature = format!("t=1800000000,v1={}", "0".repeat(64));
    let fields =
        [(":method", "POST"), (":path", "/webhooks/stripe"), ("stripe-signature", signature.as_str())];
    scripted::with(|host| {
        host.time_ns = 1_800_000_000 * 1_000_000_000;
        host.maps.insert(MapType::REQUEST_HEADERS, headers::serialize(&fields));
        host.buffers.insert(BufferType::REQUEST_BODY, vec![b'x'; 1024]);
    });
    let mut dispatch = Callbacks::<Webhook>::new();
    dispatch.context_create(ROOT, 0);
    assert!(dispatch.configure(ROOT, 0), "{:?}", scripted::events());

    let refused = begin(&mut dispatch, 10..1_010);
    assert!((1..1_000).contains(&refused), "{refused} of 1,000 are refused");
    assert_eq!(begin(&mut dispatch, 2_000..2_001), 1);
    // One body is complete, and the delivery is decided.
    dispatch.request_body(10, 1024, true);
    assert_eq!(begin(&mut dispatch, 2_001..2_002), 0);
    assert_eq!(begin(&mut dispatch, 2_002..2_003), 1);
    // Envoy deletes a stream whose client has reset it.
    dispatch.delete(11);
    assert_eq!(begin(&mut dispatch, 2_003..2_004), 0);
    // The filter is reconfigured while its streams continue; they do not count against the new configuration.
    assert!(dispatch.configure(ROOT, 0));
    for context_id in (12..1_010).chain(2_000..2_004) {
        dispatch.delete(context_id);
    }
    assert_eq!(begin(&mut dispatch, 3_000..4_000), refused, "as many as the first time");
}
