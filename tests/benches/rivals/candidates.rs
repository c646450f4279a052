//! The candidates for guarded requests: the gate in several configurations, Envoy's own filters, and a
//! service behind `ext_authz`.

use crate::chain::{self, FilterBuild, ISSUER};
use crate::options::Options;
use crate::processor::Counted;
use crate::requests::{Ready, Requests, Sessions};
use crate::service::Service;
use std::any::Any;
use std::net::SocketAddr;
use std::rc::Rc;
use tempfile::TempDir;
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::install::modules::Modules;
use tollgate_tests::install::workspace::{self, progress};
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::ratelimit::{Ratelimit, Redis, reaching};

/// The baseline: an Envoy without a filter.
pub(crate) const BARE: &str = "bare";
/// The baseline of candidates that forward requests to an upstream.
pub(crate) const FORWARDING: &str = "forwarding";
/// Envoy's own filters that do most of the gate's job, in their fastest configuration.
pub(crate) const NATIVE: &str = "native";
/// The suffix of a candidate with the modules of another build.
pub(crate) const BEFORE_SUFFIX: &str = "@before";
/// The suffix of a candidate with the dynamic module instead of the Wasm module.
const NATIVE_SUFFIX: &str = "@native";

/// The suffix of a candidate with the dynamic module of another build.
const NATIVE_BEFORE_SUFFIX: &str = "@native@before";

/// A server that is measured, with the processes and files that it needs.
pub(crate) struct Candidate {
    pub(crate) name: String,
    /// A short description.
    pub(crate) about: String,
    /// Whether it gets Stripe's events instead of requests that the gate guards.
    pub(crate) webhook: bool,
    pub(crate) address: SocketAddr,
    pub(crate) requests: Requests,
    /// The name of the candidate whose cost is subtracted from this one's.
    pub(crate) baseline: &'static str,
    /// The expected status of its responses.
    pub(crate) status: u16,
    /// A header field that its responses must have.
    field: Option<&'static str>,
    /// The processes whose processor time is measured.
    pub(crate) counted: Vec<Counted>,
    /// The processes and directories that live as long as the candidate.
    owned: Vec<Box<dyn Any>>,
}

impl Candidate {
    /// Starts an Envoy as a candidate.
    pub(crate) async fn envoy(
        name: &str,
        about: &str,
        standalone: Standalone,
        requests: Requests,
    ) -> Candidate {
        progress(&format!("starting {name}: {about}"));
        let envoy = standalone.start().await;
        let (address, worker) = (envoy.address(), Counted::EnvoyWorkers(envoy.process_id()));
        Candidate::at(name, about, address, requests).with(worker, envoy)
    }

    /// Returns the server at an address as a candidate.
    pub(crate) fn at(name: &str, about: &str, address: SocketAddr, requests: Requests) -> Candidate {
        let webhook = matches!(requests, Requests::Signed(_));
        let (counted, owned) = (Vec::new(), Vec::new());
        Candidate {
            name: name.to_owned(),
            about: about.to_owned(),
            webhook,
            address,
            requests,
            baseline: BARE,
            status: 200,
            field: None,
            counted,
            owned,
        }
    }

    /// Returns the candidate with one more process whose time is counted.
    pub(crate) fn with(mut self, counted: Counted, process: impl Any) -> Candidate {
        self.counted.push(counted);
        self.owning(process)
    }

    /// Returns the candidate with a resource that is dropped together with it.
    pub(crate) fn owning(mut self, resource: impl Any) -> Candidate {
        self.owned.push(Box::new(resource));
        self
    }

    /// Returns the candidate with another expected status and header field.
    pub(crate) fn expecting(mut self, status: u16, field: Option<&'static str>) -> Candidate {
        (self.status, self.field) = (status, field);
        self
    }

    /// Checks a response's status, so that only the intended case is measured.
    ///
    /// # Panics
    /// With the response, if the status is not the expected one.
    pub(crate) fn check_status(&self, status: u16, response: &[u8]) {
        let Candidate { name, status: expected, .. } = self;
        assert!(status == *expected, "{name} should respond {expected}: {}", response.escape_ascii());
    }

    /// Checks that a response has the expected header field.
    ///
    /// # Panics
    /// With the response, if the field is missing.
    pub(crate) fn check_field(&self, response: &[u8]) {
        let Some(field) = self.field else { return };
        let text = String::from_utf8_lossy(response);
        let found = text.lines().any(|line| line.starts_with(&format!("{field}:")));
        assert!(found, "{} should respond with {field}: {text}", self.name);
    }
}

/// A build of the Wasm modules, and the suffix of the candidates that use it.
struct Build {
    modules: Modules,
    suffix: &'static str,
}

/// Returns the current build, and the build in the folder that the options name.
fn builds(options: &Options) -> Vec<Build> {
    let mut builds = vec![Build { modules: Modules::build().clone(), suffix: "" }];
    if let Some(dir) = &options.before {
        let file = |name| dir.join(name);
        // No candidate has the other filters.
        let modules = Modules {
            stripe_webhook: file("stripe_webhook.wasm"),
            plan_gate: file("plan_gate.wasm"),
            ..Modules::build().clone()
        };
        builds.push(Build { modules, suffix: BEFORE_SUFFIX });
    }
    builds
}

/// Returns the builds of the filters, each with the suffix of its candidates.
pub(crate) fn filter_builds(options: &Options) -> Vec<(FilterBuild, &'static str)> {
    let wasm = builds(options).into_iter().map(|build| (FilterBuild::Wasm(build.modules), build.suffix));
    let native = FilterBuild::Native(Modules::native().to_owned());
    let mut builds: Vec<_> = wasm.chain([(native, NATIVE_SUFFIX)]).collect();
    let before = options.before.as_ref().map(|dir| dir.join("libtollgate.so"));
    if let Some(module) = before.filter(|module| module.is_file()) {
        builds.push((FilterBuild::Native(module), NATIVE_BEFORE_SUFFIX));
    }
    builds
}

/// Starts the candidates that the options select.
pub(crate) async fn all(sessions: &Sessions, options: &Options) -> Vec<Candidate> {
    let mut all = vec![bare(sessions).await];
    if options.wants("empty-plugin") {
        let dir = directory();
        let module = dir.path().join("empty.wasm");
        let bytes = wat::parse_str(include_str!("chains/empty.wat"));
        let bytes = bytes.unwrap_or_else(|e| panic!("chains/empty.wat: {e}"));
        std::fs::write(&module, bytes).unwrap_or_else(|e| panic!("cannot write {}: {e}", module.display()));
        let about = "a plugin that does nothing";
        let requests = fixed(&sessions.none);
        let empty = Candidate::envoy("empty-plugin", about, chain::empty_plugin(&module), requests).await;
        all.push(empty.owning(dir));
    }
    for (name, about, chain, requests) in natives(sessions) {
        if options.wants(name) {
            let native = Candidate::envoy(name, about, chain::native(chain), fixed(requests)).await;
            let field = name.starts_with(NATIVE).then_some("x-ratelimit-remaining");
            all.push(native.expecting(200, field));
        }
    }
    for (build, suffix) in filter_builds(options) {
        for (name, about, standalone, requests, (status, field)) in gates(&build, sessions) {
            if options.wants(name) {
                let name = format!("{name}{suffix}");
                let gate = Candidate::envoy(&name, about, standalone, fixed(requests)).await;
                all.push(gate.expecting(status, field));
            }
        }
    }
    all.extend(distributed(all[0].address, sessions, options).await);
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

fn natives(sessions: &Sessions) -> [Native<'_>; 4] {
    [
        (
            "jwt_authn-cache",
            "jwt_authn, token in its cache",
            include_str!("chains/jwt_authn_cache.yaml"),
            &sessions.usual,
        ),
        (
            NATIVE,
            "jwt_authn, token in its cache; local_ratelimit by a claim in a header field, with its own header fields",
            include_str!("chains/native.yaml"),
            &sessions.usual,
        ),
        (
            "native-metadata",
            "the same, with the claim in dynamic metadata",
            include_str!("chains/native_metadata.yaml"),
            &sessions.usual,
        ),
        ("jwt_authn", "jwt_authn without a cache", include_str!("chains/jwt_authn.yaml"), &sessions.many),
    ]
}

type Gate<'a> = (&'static str, &'static str, Standalone, &'a Ready, (u16, Option<&'static str>));

fn gates<'a>(build: &FilterBuild, sessions: &'a Sessions) -> [Gate<'a>; 6] {
    let usual = &sessions.usual;
    let remaining = Some("x-ratelimit-remaining");
    let unlimited = chain::gate(build, |document| {
        document["plan_gate"]["rules"][0].as_mapping_mut().map(|rule| rule.remove("limit"));
    });
    let quiet = chain::gate(build, |document| {
        document["plan_gate"]["rate_limit_headers"] = "none".into();
        document["plan_gate"]["identity_headers"] = Vec::<String>::new().into();
    });
    let three =
        chain::gate(build, |document| document["plans"][1]["limits"]["asks"] = chain::three_windows());
    let used_up =
        chain::gate(build, |document| document["plans"][1]["limits"]["asks"] = chain::windows(&["month"], 1));
    let plain = || chain::gate(build, |_| ());
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

/// Starts the candidates that count in envoyproxy/ratelimit. They share one service, because only one
/// candidate at a time gets load.
///
/// Envoy's ratelimit filter checks only requests to an upstream. So these candidates have one, as does their
/// baseline.
async fn distributed(upstream: SocketAddr, sessions: &Sessions, options: &Options) -> Vec<Candidate> {
    let mut all = Vec::new();
    let names = ["native-ratelimit", "gate-ratelimit"];
    if !names.iter().any(|name| options.wants(name)) {
        return all;
    }
    let service = Rc::new(Ratelimit::start().await);
    let services = [service.process_id(), service.redis.process_id()].map(running);
    let native = reaching(service.address(), chain::native(include_str!("chains/ratelimit.yaml")));
    let about = [
        "jwt_authn, token in its cache; Envoy's ratelimit filter, with its header fields",
        "the gate: token known, one limit in envoyproxy/ratelimit, all header fields",
    ];
    let bare = chain::forwarding(upstream, chain::native("[]"));
    let about_bare = "Envoy without a filter, before another Envoy";
    all.push(Candidate::envoy(FORWARDING, about_bare, bare, fixed(&sessions.usual)).await);
    let standalones = [native, chain::gate_counting_at(service.address())];
    for ((name, about), standalone) in names.into_iter().zip(about).zip(standalones) {
        if options.wants(name) {
            let standalone = chain::forwarding(upstream, standalone);
            let mut candidate = Candidate::envoy(name, about, standalone, fixed(&sessions.usual)).await;
            candidate.counted.extend(services);
            candidate.baseline = FORWARDING;
            all.push(candidate.owning(Rc::clone(&service)).expecting(200, Some("x-ratelimit-remaining")));
        }
    }
    all
}

fn running(process: Option<u32>) -> Counted {
    Counted::Process(process.unwrap_or_else(|| panic!("a service has ended")))
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
    let candidate = candidate.with(service.counted(), service).with(running(redis.process_id()), redis);
    candidate.expecting(200, Some("x-ratelimit-remaining"))
}

fn fixed(ready: &Ready) -> Requests {
    Requests::Fixed(Rc::clone(ready))
}

/// Returns a directory that is removed when dropped.
fn directory() -> TempDir {
    let parent = workspace::target_dir().join("tmp");
    let dir = std::fs::create_dir_all(&parent).and_then(|()| TempDir::new_in(&parent));
    dir.unwrap_or_else(|e| panic!("cannot create a directory in {}: {e}", parent.display()))
}
