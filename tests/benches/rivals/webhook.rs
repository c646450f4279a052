//! The candidates for webhooks, which get forged events or events that update a user's record.

use crate::candidates::{Candidate, filter_builds};
use crate::chain;
use crate::options::Options;
use crate::requests::{Ready, Requests, USERS, post};
use crate::service::Service;
use std::rc::Rc;
use tollgate_tests::fakes::clerk::{FakeClerk, User};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::FakeStripe;
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Subscription};
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::gateway::{WEBHOOK_PATH, WEBHOOK_SECRET};

/// The candidate with Tollgate, the candidate with the application, a description of the event, and its size
/// in bytes.
const FORGED: [(&str, &str, &str, usize); 3] = [
    ("forged-1k", "fastapi-forged-1k", "a forged event of 1 KB, refused", 1_000),
    ("forged-10k", "fastapi-forged-10k", "a forged event of 10 KB, refused", 10_000),
    ("forged-100k", "fastapi-forged-100k", "a forged event of 100 KB, refused", 100_000),
];
/// The same for events with a valid signature.
const SYNC: (&str, &str, &str) =
    ("sync", "fastapi-sync", "a signed event: Stripe and Clerk are read, and agree");

/// Starts the candidates that the options select.
pub(crate) async fn all(options: &Options) -> Vec<Candidate> {
    let mut all = Vec::new();
    let builds = filter_builds(options);
    for (gateway, application, about, bytes) in FORGED {
        let requests = || Requests::Signed(forged(bytes));
        for (build, suffix) in builds.iter().filter(|_| options.wants(gateway)) {
            let envoy = chain::webhook(build).env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET);
            let name = format!("{gateway}{suffix}");
            all.push(Candidate::envoy(&name, about, envoy, requests()).await.expecting(400, None));
        }
        if options.wants(application) {
            let service = Service::start(
                "webhook",
                &[
                    ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
                    ("STRIPE_URL", "http://127.0.0.1:1"),
                    ("STRIPE_KEY", "sk_test_none"),
                    ("CLERK_URL", "http://127.0.0.1:1"),
                    ("CLERK_KEY", "sk_test_none"),
                ],
            );
            let candidate = Candidate::at(application, about, service.address, requests());
            all.push(candidate.with(service.counted(), service).expecting(400, None));
        }
    }
    let (gateway, application, about) = SYNC;
    for (build, suffix) in builds.iter().filter(|_| options.wants(gateway)) {
        let apis = Rc::new(FakeApis::start().await);
        let envoy = apis.connect(chain::webhook(build));
        let requests = Requests::Signed(signed(Rc::clone(&apis)));
        let name = format!("{gateway}{suffix}");
        all.push(Candidate::envoy(&name, about, envoy, requests).await);
    }
    if options.wants(application) {
        let apis = Rc::new(FakeApis::start().await);
        let service = apis.application();
        let requests = Requests::Signed(signed(Rc::clone(&apis)));
        let candidate = Candidate::at(application, about, service.address, requests);
        all.push(candidate.with(service.counted(), service));
    }
    all
}

/// A fake Stripe and a fake Clerk with users who have paid. After the first event of a user, both agree.
struct FakeApis {
    stripe: FakeStripe,
    clerk: FakeClerk,
}

impl FakeApis {
    async fn start() -> FakeApis {
        let (stripe, clerk) = (FakeStripe::start().await, FakeClerk::start().await);
        stripe.put(Price::new("price_123"));
        for number in 0..USERS {
            let (user, customer) = (format!("user_{number}"), format!("cus_{number}"));
            clerk.put_user(User::new(&user));
            stripe.put(Customer::new(&customer));
            let subscription = Subscription::new(&format!("sub_{number}"), &customer).item("price_123");
            stripe.put(subscription.metadata("clerk_user_id", &user));
        }
        FakeApis { stripe, clerk }
    }

    /// Returns an Envoy that calls these APIs.
    fn connect(&self, envoy: Standalone) -> Standalone {
        envoy
            .env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET)
            .secret("stripe_api_key", self.stripe.key())
            .secret("clerk_secret_key", self.clerk.secret_key())
            .upstream_at("stripe_api", self.stripe.addr())
            .upstream_at("clerk_api", self.clerk.addr())
    }

    /// Starts the application that calls these APIs.
    fn application(&self) -> Service {
        let (stripe, clerk) =
            (format!("http://{}", self.stripe.addr()), format!("http://{}", self.clerk.addr()));
        Service::start(
            "webhook",
            &[
                ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
                ("STRIPE_URL", &stripe),
                ("STRIPE_KEY", self.stripe.key()),
                ("CLERK_URL", &clerk),
                ("CLERK_KEY", self.clerk.secret_key()),
            ],
        )
    }
}

fn forged(bytes: usize) -> Box<dyn Fn() -> Ready> {
    let object = serde_json::json!({"id": "sub_0", "object": "subscription", "padding": "x".repeat(bytes)});
    let event = Event::snapshot("evt_forged", "customer.subscription.updated", unix_now(), false, object);
    let mut padded = event.body();
    // A forged event need not be valid JSON: the signature is checked before the body is parsed.
    padded.truncate(bytes);
    Box::new(move || {
        let signature = tollgate_tests::fakes::stripe::sign(&["whsec_guessed"], unix_now(), &padded);
        let fields = format!("content-type: application/json\r\nstripe-signature: {signature}\r\n");
        [post(WEBHOOK_PATH, &fields, &padded)].into()
    })
}

fn signed(apis: Rc<FakeApis>) -> Box<dyn Fn() -> Ready> {
    Box::new(move || {
        let event = |number| {
            let event = apis.stripe.event("customer.subscription.updated", &format!("sub_{number}"));
            let (body, signature) = event.signed(&[WEBHOOK_SECRET], unix_now());
            let fields = format!("content-type: application/json\r\nstripe-signature: {signature}\r\n");
            post(WEBHOOK_PATH, &fields, &body)
        };
        (0..USERS).map(event).collect()
    })
}
