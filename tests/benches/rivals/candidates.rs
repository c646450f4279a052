//! What is measured of guarded requests: the gate as it can be set up, Envoy's own filters, and a service beside Envoy.

use crate::chain::{self, ISSUER};
use crate::options::Options;
use crate::requests::{Ready, Requests, Sessions, directory};
use crate::service::Service;
use std::any::Any;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use tollgate_tests::clerk::keys::KeyPair;
use tollgate_tests::envoy::Standalone;
use tollgate_tests::ratelimit::{Ratelimit, Redis, counting_at, reaching};
use tollgate_tests::wire::Answer;
use tollgate_tests::workspace::progress;

/// The Envoy that all others are held against.
pub(crate) const BARE: &str = "bare";
/// Envoy's own filters that come closest to the gate's job.
pub(crate) const NATIVE: &str = "native";

/// Something that answers requests, with all that it needs for that.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    /// What it is, in a few words.
    pub(crate) about: String,
    /// Whether it gets events, not requests that the gate guards.
    pub(crate) webhook: bool,
    pub(crate) address: SocketAddr,
    pub(crate) requests: Requests,
    /// What it should answer.
    pub(crate) status: u16,
    /// A header field that the answer should carry.
    field: Option<&'static str>,
    /// Whose processor time is counted.
    pub(crate) processes: Vec<u32>,
    /// How many requests it has had.
    pub(crate) sent: AtomicU64,
    /// What it needs, and what ends when it is dropped.
    kept: Vec<Box<dyn Any>>,
}

impl Candidate {
    /// An Envoy.
    pub(crate) async fn envoy(
        name: &'static str,
        about: &str,
        standalone: Standalone,
        requests: Requests,
    ) -> Candidate {
        progress(&format!("starting {name}: {about}"));
        let envoy = standalone.start().await;
        let (address, process) = (envoy.address(), envoy.process_id());
        Candidate::at(name, about, address, requests).with(process, envoy)
    }

    /// What listens at that address.
    pub(crate) fn at(name: &'static str, about: &str, address: SocketAddr, requests: Requests) -> Candidate {
        let webhook = matches!(requests, Requests::Signed(_));
        let (processes, kept) = (Vec::new(), Vec::new());
        Candidate {
            name,
            about: about.to_owned(),
            webhook,
            address,
            requests,
            status: 200,
            field: None,
            processes,
            sent: AtomicU64::new(0),
            kept,
        }
    }

    /// The same with a process whose time counts too.
    pub(crate) fn with(mut self, process: u32, owner: impl Any) -> Candidate {
        self.processes.push(process);
        self.keeping(owner)
    }

    /// The same with something that must outlive it.
    pub(crate) fn keeping(mut self, owner: impl Any) -> Candidate {
        self.kept.push(Box::new(owner));
        self
    }

    /// The same, which should answer so.
    pub(crate) fn answering(mut self, status: u16, field: Option<&'static str>) -> Candidate {
        (self.status, self.field) = (status, field);
        self
    }

    /// Looks whether an answer is as it should be: else something else would be measured than is said.
    ///
    /// # Panics
    /// With the answer, if it is not.
    pub(crate) fn look(&self, answer: Option<Answer>) {
        let Candidate { name, status, field, .. } = self;
        let answer = answer.unwrap_or_else(|| panic!("{name} gives no answer"));
        let warming_up = self.sent.load(std::sync::atomic::Ordering::Relaxed) == 0;
        let right = answer.status == *status && field.is_none_or(|field| !answer.header(field).is_empty());
        assert!(right || warming_up, "{name} should answer {status} with {field:?}, and answers {answer:?}");
    }
}

/// All whose names were asked for.
pub(crate) async fn all(sessions: &Sessions, options: &Options) -> Vec<Candidate> {
    let mut all = vec![bare(sessions).await];
    let dir = directory();
    if options.wants("empty-plugin") {
        let module = dir.path().join("empty.wasm");
        let bytes = wat::parse_str(include_str!("chains/empty.wat"));
        let bytes = bytes.unwrap_or_else(|e| panic!("chains/empty.wat: {e}"));
        std::fs::write(&module, bytes).unwrap_or_else(|e| panic!("cannot write {}: {e}", module.display()));
        let about = "a plugin that does nothing";
        let requests = fixed(&sessions.none);
        all.push(Candidate::envoy("empty-plugin", about, chain::empty_plugin(&module), requests).await);
    }
    for (name, about, chain, requests) in natives(sessions) {
        if options.wants(name) {
            let native = Candidate::envoy(name, about, chain::native(chain), fixed(requests)).await;
            let field = (name == NATIVE).then_some("x-ratelimit-remaining");
            all.push(native.answering(200, field));
        }
    }
    for (name, about, standalone, requests, (status, field)) in gates(sessions) {
        if options.wants(name) {
            let gate = Candidate::envoy(name, about, standalone, fixed(requests)).await;
            all.push(gate.answering(status, field));
        }
    }
    for (name, about, standalone) in distributed() {
        if options.wants(name) {
            all.push(with_ratelimit(name, about, standalone, sessions).await);
        }
    }
    if options.wants("ext_authz") {
        all.push(ext_authz(sessions).await);
    }
    all
}

async fn bare(sessions: &Sessions) -> Candidate {
    let about = "Envoy without a filter";
    Candidate::envoy(BARE, about, chain::native("[]"), fixed(&sessions.usual)).await
}

type Native<'a> = (&'static str, &'static str, &'static str, &'a Ready);

fn natives(sessions: &Sessions) -> [Native<'_>; 3] {
    [
        (
            "jwt_authn-cache",
            "jwt_authn, token in its cache",
            include_str!("chains/jwt_authn_cache.yaml"),
            &sessions.usual,
        ),
        (
            NATIVE,
            "jwt_authn, token in its cache; local_ratelimit by subject, with its header fields",
            include_str!("chains/native.yaml"),
            &sessions.usual,
        ),
        ("jwt_authn", "jwt_authn without a cache", include_str!("chains/jwt_authn.yaml"), &sessions.many),
    ]
}

type Gate<'a> = (&'static str, &'static str, Standalone, &'a Ready, (u16, Option<&'static str>));

fn gates(sessions: &Sessions) -> [Gate<'_>; 6] {
    let usual = &sessions.usual;
    let remaining = Some("x-ratelimit-remaining");
    let unlimited = chain::gate(|document| {
        document["plan_gate"]["rules"][0].as_mapping_mut().map(|rule| rule.remove("limit"));
    });
    let quiet = chain::gate(|document| {
        document["plan_gate"]["rate_limit_headers"] = "none".into();
        document["plan_gate"]["identity_headers"] = Vec::<String>::new().into();
    });
    let three = chain::gate(|document| document["plans"][1]["limits"]["asks"] = chain::three_windows());
    let used_up =
        chain::gate(|document| document["plans"][1]["limits"]["asks"] = chain::windows(&["month"], 1));
    let plain = || chain::gate(|_| ());
    [
        ("gate-unlimited", "the gate: token known, no limit", unlimited, usual, (200, None)),
        ("gate-quiet", "the gate: token known, one limit, no header fields", quiet, usual, (200, None)),
        ("gate", "the gate: token known, one limit, all header fields", plain(), usual, (200, remaining)),
        ("gate-windows", "the gate: the same with three windows", three, usual, (200, remaining)),
        ("gate-refusal", "the gate: token known, limit used up: 429", used_up, usual, (429, remaining)),
        (
            "gate-new-token",
            "the gate: token never seen, one limit, all header fields",
            plain(),
            &sessions.many,
            (200, remaining),
        ),
    ]
}

type Distributed = (&'static str, &'static str, Standalone);

/// Those that count in envoyproxy/ratelimit, each in one of its own.
fn distributed() -> [Distributed; 2] {
    let native = chain::native(include_str!("chains/ratelimit.yaml"));
    [
        (
            "native-ratelimit",
            "jwt_authn, token in its cache; Envoy's ratelimit filter, with its header fields",
            native,
        ),
        ("gate-ratelimit", "the gate: token known, one limit in envoyproxy/ratelimit", chain::gate(|_| ())),
    ]
}

async fn with_ratelimit(
    name: &'static str,
    about: &str,
    standalone: Standalone,
    sessions: &Sessions,
) -> Candidate {
    let service = Ratelimit::start().await;
    let processes = [service.process_id(), service.redis.process_id()].map(running);
    let gate = name.starts_with("gate");
    let standalone = match gate {
        true => counting_at(service.address(), standalone, |_| ()),
        false => reaching(service.address(), standalone),
    };
    let mut candidate = Candidate::envoy(name, about, standalone, fixed(&sessions.usual)).await;
    candidate.processes.extend(processes);
    candidate.keeping(service).answering(200, Some("x-ratelimit-remaining"))
}

fn running(process: Option<u32>) -> u32 {
    process.unwrap_or_else(|| panic!("a service has ended"))
}

async fn ext_authz(sessions: &Sessions) -> Candidate {
    let redis = Redis::start().await;
    let url = format!("redis://{}", redis.address());
    let pem = KeyPair::first().pem();
    let variables = [("REDIS_URL", url.as_str()), ("CLERK_JWT_KEY", &pem), ("ISSUER", ISSUER)];
    let service = Service::start("authorize", &variables);
    let envoy = chain::native(include_str!("chains/ext_authz.yaml")).upstream_at("upstream", service.address);
    let about = "ext_authz to a FastAPI service: PyJWT, a counter in Redis";
    let candidate = Candidate::envoy("ext_authz", about, envoy, fixed(&sessions.usual)).await;
    let candidate = candidate.with(service.process(), service).with(running(redis.process_id()), redis);
    candidate.answering(200, Some("x-ratelimit-remaining"))
}

fn fixed(ready: &Ready) -> Requests {
    Requests::Fixed(ready.clone())
}
