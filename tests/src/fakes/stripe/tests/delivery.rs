//! Tests of the delivery of events to an endpoint that sometimes fails.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::super::model::Customer;
use super::super::{DeliveryOrder, DeliverySettings, FakeStripe, sign};
use super::post;
use crate::fakes::faults::{Fault, HoldPoint, any};
use crate::fakes::server::{FakeResponse, FakeServer, Request, Service};

const SECRET: &str = "whsec_fake0001";

/// An endpoint that checks signatures and keeps the events that it accepted.
#[derive(Default)]
struct Endpoint {
    taken: Mutex<Vec<String>>,
}

impl Service for Endpoint {
    fn carry_out(&self, request: &Request) -> FakeResponse {
        let header = request.header("stripe-signature").unwrap();
        let at = header.split(',').next().and_then(|t| t.strip_prefix("t=")).unwrap().parse().unwrap();
        assert_eq!(header, sign(&[SECRET], at, &request.body));
        self.taken.lock().unwrap().push(request.json()["id"].as_str().unwrap().to_owned());
        FakeResponse::json(200, &Value::Null)
    }
}

async fn endpoint() -> (Arc<Endpoint>, FakeServer, DeliverySettings) {
    let endpoint = Arc::new(Endpoint::default());
    let server = FakeServer::start(Arc::clone(&endpoint) as Arc<dyn Service>).await;
    let settings = DeliverySettings::new(&format!("http://{}/webhook", server.addr()), SECRET);
    (endpoint, server, settings)
}

/// Creates customers and returns the ids of the events.
async fn create(stripe: &FakeStripe, count: usize) -> Vec<String> {
    for _ in 0..count {
        assert_eq!(post(stripe, "/v1/customers", "").await.0, 200);
    }
    stripe.take_events().iter().map(|event| event.event_id().to_owned()).collect()
}

#[tokio::test]
async fn events_are_delivered_in_order_until_they_are_taken() {
    let (endpoint, server, settings) = endpoint().await;
    let stripe = FakeStripe::start().await;
    create(&stripe, 1).await;
    let unavailable = Fault::status(503, &Value::Null);
    server.faults().next(2, any(), unavailable);
    server.faults().next(1, any(), Fault::Reset);
    let delivery = stripe.deliver_events(settings);
    let created = create(&stripe, 3).await;
    delivery.finish().await;
    assert_eq!(*endpoint.taken.lock().unwrap(), created, "those after the delivery began");
    let attempts = delivery.attempts();
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(503), Some(503), None, Some(200), Some(200), Some(200)]);
    assert!(attempts[..4].iter().all(|attempt| attempt.event == created[0]));
    assert_eq!(attempts[0].kind, "customer.created");
    drop(delivery);
    create(&stripe, 1).await;
    assert_eq!(server.log().entries().len(), 6, "nothing after it was dropped");
}

#[tokio::test]
async fn a_response_that_was_lost_makes_a_duplicate() {
    let (endpoint, server, settings) = endpoint().await;
    let stripe = FakeStripe::start().await;
    server.faults().next(1, any(), Fault::LoseResponse);
    let delivery = stripe.deliver_events(settings);
    let created = create(&stripe, 1).await;
    delivery.finish().await;
    assert_eq!(*endpoint.taken.lock().unwrap(), [created[0].clone(), created[0].clone()]);
}

#[tokio::test]
async fn events_can_be_shuffled_and_delivered_twice() {
    let (endpoint, _server, mut settings) = endpoint().await;
    let stripe = FakeStripe::start().await;
    (settings.order, settings.duplicates_percent) = (DeliveryOrder::Shuffled(7), 100);
    let delivery = stripe.deliver_events(settings);
    // In one step, so that all of them wait when the first is chosen.
    stripe.account(|account| {
        for n in 0..20 {
            account.put(Customer::new(&format!("cus_{n}")));
            account.emit("customer.created", &format!("cus_{n}"));
        }
    });
    delivery.finish().await;
    let created: Vec<_> = stripe.take_events().iter().map(|event| event.event_id().to_owned()).collect();
    let taken = endpoint.taken.lock().unwrap();
    assert_eq!(taken.len(), 40);
    assert_eq!(BTreeSet::from_iter(taken.iter()), BTreeSet::from_iter(created.iter()));
    let mut first_times = Vec::new();
    for event in taken.iter() {
        if !first_times.contains(event) {
            first_times.push(event.clone());
        }
    }
    assert_ne!(first_times, created);
}

#[tokio::test]
async fn deliveries_can_be_under_way_at_the_same_time() {
    let (endpoint, server, mut settings) = endpoint().await;
    let stripe = FakeStripe::start().await;
    settings.at_once_max = 3;
    let point = HoldPoint::new();
    server.faults().always(any(), Fault::HoldRequest(point.clone()));
    let delivery = stripe.deliver_events(settings);
    let created = create(&stripe, 4).await;
    point.wait_for(3).await;
    assert_eq!((server.log().entries().len(), endpoint.taken.lock().unwrap().len()), (3, 0));
    point.open();
    delivery.finish().await;
    let taken = BTreeSet::from_iter(endpoint.taken.lock().unwrap().clone());
    assert_eq!(taken, BTreeSet::from_iter(created));
}
