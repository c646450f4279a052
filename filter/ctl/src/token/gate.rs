//! The gate for one command: performs what a request wants in memory.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use tollgate_core::config::{self, Environment, Gate as Configured, Keys};
use tollgate_core::gate::{Passage, Worker};
use tollgate_core::http::{HeaderMap, Outcome, Reply};
use tollgate_core::machine::{Verification, Version};
use tollgate_core::report::{Metrics, Report};
use tollgate_core::time::Micros;
use tollgate_core::{Action, Input, InquiryId, Machine};

/// Where usage is told, if the document does not say.
const USAGE_PATH: &str = "/.tollgate/usage";

/// How many steps a request may take; one that needs more would never end.
const STEPS_MAX: usize = 1_000;

/// What would become of a request.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It goes on. `rule`: which guards it.
    Admitted { rule: Option<String> },
    /// It is answered.
    Refused { rule: Option<String>, reply: Reply },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Admitted { rule: Some(rule) } => write!(f, "let on by the rule {rule}"),
            Verdict::Admitted { rule: None } => f.write_str("let on: no rule guards it"),
            Verdict::Refused { rule, reply } => {
                let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                let detail = problem.get("detail").and_then(Value::as_str).unwrap_or_default();
                write!(f, "refused with {} {}: {detail}", reply.status, reply.details)?;
                match rule {
                    Some(rule) => write!(f, " (rule {rule})"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// The gate of a document.
pub(super) struct Gate {
    worker: Worker,
    configured: Configured,
    usage_path: String,
    jwks: Option<Vec<u8>>,
    shared: BTreeMap<String, (Vec<u8>, u32)>,
}

impl Gate {
    /// The gate of that document. It asks nobody and counts here, whatever the document says of `confirm` and `store`.
    ///
    /// # Errors
    /// As the filter's, with place and cure; or that a key set is needed.
    pub(super) fn new(
        mut document: Value,
        jwks: Option<Vec<u8>>,
        environment: Environment<'_>,
    ) -> Result<Self, String> {
        if let Some(gate) = document.get_mut("plan_gate").and_then(Value::as_object_mut) {
            for elsewhere in ["confirm", "store", "shadow"] {
                gate.remove(elsewhere);
            }
            gate.entry("usage_path").or_insert_with(|| json!(USAGE_PATH));
        }
        let configuration =
            config::gate(document.to_string().as_bytes(), environment).map_err(|e| e.to_string())?;
        let configured = configuration.section.clone();
        if matches!(configured.keys, Keys::Jwks { .. }) && jwks.is_none() {
            let issuer = &configured.issuer;
            return Err(format!(
                "plan_gate.keys.jwks: the gate fetches its keys; give them: `curl {issuer}/.well-known/jwks.json > \
                 jwks.json` and --jwks-file jwks.json"
            ));
        }
        let usage_path = configured.usage_path.clone().unwrap_or_default();
        let worker = Worker::new(configuration, [0; 16]).map_err(|error| error.to_string())?;
        Ok(Gate { worker, configured, usage_path, jwks, shared: BTreeMap::new() })
    }

    /// What is configured.
    pub(super) fn configured(&self) -> &Configured {
        &self.configured
    }

    /// What `usage_path` would tell; nothing to somebody whose token is not taken.
    pub(super) fn usage(&mut self, now: Micros, host: &str, token: &str) -> Option<Value> {
        let path = self.usage_path.clone();
        match self.request(now, "GET", host, &path, token) {
            Verdict::Refused { reply, .. } if reply.status == 200 => serde_json::from_slice(&reply.body).ok(),
            _ => None,
        }
    }

    /// What would become of a request with that token.
    pub(super) fn request(
        &mut self,
        now: Micros,
        method: &str,
        host: &str,
        path: &str,
        token: &str,
    ) -> Verdict {
        let bearer = format!("Bearer {token}");
        let fields = [(":method", method), (":authority", host), (":path", path), ("authorization", &bearer)];
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let head = Input::Head { headers: HeaderMap::from_fields(fields), end_of_stream: true };
        let mut passage = Passage::default();
        let mut step = passage.handle(&mut self.worker, now, head);
        let mut rule = None;
        for _ in 0..STEPS_MAX {
            rule = rule.or_else(|| self.rule(&step.reports));
            step = match step.action {
                Action::Forward(_) => return Verdict::Admitted { rule },
                Action::Reply(reply) => return Verdict::Refused { rule, reply },
                action => self.perform(&mut passage, now, action),
            };
        }
        Verdict::Admitted { rule: None }
    }

    fn perform(&mut self, passage: &mut Passage, now: Micros, action: Action) -> tollgate_core::Step {
        let worker = &mut self.worker;
        match action {
            // The gate then checks it itself: its feature `rs256`.
            Action::Verify { .. } => passage.handle(worker, now, Input::Verified(Verification::Unsupported)),
            Action::Load { key } => {
                let stored = self.shared.get(&key);
                let version = stored.map_or(Version::ABSENT, |(_, version)| Version(*version));
                let value = stored.map(|(value, _)| &value[..]);
                passage.handle(worker, now, Input::Loaded { value, version })
            }
            Action::Swap { key, value, version } => {
                self.shared.insert(key, (value, version.0.saturating_add(1)));
                passage.handle(worker, now, Input::Swapped { stored: true })
            }
            Action::Inquire { inquiry, .. } => {
                self.answer(now, inquiry);
                passage.handle(&mut self.worker, now, Input::Inquired)
            }
            Action::Await(_) => passage.handle(worker, now, Input::Settled),
            // No route names a rule, and nobody comes from an address.
            _ => passage.handle(worker, now, Input::Property(None)),
        }
    }

    /// The one question that is left: for the key set.
    fn answer(&mut self, now: Micros, inquiry: InquiryId) {
        let headers = HeaderMap::default();
        let outcome = match &self.jwks {
            Some(body) => Outcome::Answered { status: 200, headers: &headers, body },
            None => Outcome::Reset,
        };
        let _ = Passage::settle(&mut self.worker, now, inquiry, outcome);
    }

    /// The rule after which a decision was counted.
    fn rule(&self, reports: &[Report]) -> Option<String> {
        let metrics = self.worker.metrics();
        let counted = reports.iter().filter_map(|report| match report {
            Report::Count(id) => metrics.get(id.0),
            _ => None,
        });
        let mut rules = counted.filter_map(|metric| metric.name.strip_prefix("tollgate.gate.rule."));
        let (rule, _) = rules.next()?.rsplit_once('.')?;
        (rule != "unmatched").then(|| rule.to_owned())
    }
}
