//! The gate for one command, on a host in memory.

use crate::document;
use plan_gate::PlanGate;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use tollgate_core::auth::KeySource;
use tollgate_core::config::{self, PlanGateSettings};
use tollgate_core::http::{HeaderMap, Reply};
use tollgate_core::time::Micros;
use tollgate_driver::memory::{MemoryHost, MemoryRequest};
use tollgate_driver::{CalloutResult, Dispatch, Flow};

/// The default of `usage_path`.
const USAGE_PATH: &str = "/.tollgate/usage";

/// The contexts of the filter and of the only request.
const FILTER: u32 = 1;
const REQUEST: u32 = 2;

/// The gate's decision about a request.
#[derive(Debug)]
pub(super) enum TokenVerdict {
    /// It is forwarded. `rule` guards it.
    Admitted { rule: Option<String> },
    /// It gets a reply.
    Refused { rule: Option<String>, reply: Reply },
    /// It waits for a response that the command does not have.
    Undecided,
}

impl TokenVerdict {
    /// Returns the decision for programs.
    pub(super) fn to_json(&self) -> Value {
        match self {
            TokenVerdict::Admitted { rule } => json!({"allowed": true, "rule": rule}),
            TokenVerdict::Refused { rule, reply } => {
                let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                json!({
                    "allowed": false, "rule": rule, "status": reply.status, "code": reply.details,
                    "detail": problem.get("detail"),
                })
            }
            TokenVerdict::Undecided => json!({"allowed": false}),
        }
    }
}

impl fmt::Display for TokenVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenVerdict::Admitted { rule: Some(rule) } => write!(f, "permitted by the rule {rule}"),
            TokenVerdict::Admitted { rule: None } => f.write_str("permitted: no rule guards it"),
            TokenVerdict::Refused { rule, reply } => {
                let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                let detail = problem.get("detail").and_then(Value::as_str).unwrap_or_default();
                write!(f, "refused with {} {}: {detail}", reply.status, reply.details)?;
                match rule {
                    Some(rule) => write!(f, " (rule {rule})"),
                    None => Ok(()),
                }
            }
            TokenVerdict::Undecided => f.write_str("undecided: the gate came to no decision"),
        }
    }
}

/// The gate of a document.
pub(super) struct Gate {
    dispatch: Dispatch<PlanGate, MemoryHost>,
    host: MemoryHost,
    configured: PlanGateSettings,
    usage_path: String,
    jwks: Option<Vec<u8>>,
}

impl Gate {
    /// Returns the gate of a document. It calls no service and counts in memory, regardless of the document's
    /// `confirm` and `store`.
    ///
    /// # Errors
    /// The filter's errors, with location and fix; or that a key set is required.
    pub(super) fn new(
        mut document: Value,
        jwks: Option<Vec<u8>>,
        environment: BTreeMap<String, String>,
    ) -> Result<Self, String> {
        if let Some(gate) = document.get_mut("plan_gate").and_then(Value::as_object_mut) {
            for elsewhere in ["confirm", "store", "shadow"] {
                gate.remove(elsewhere);
            }
            gate.entry("usage_path").or_insert_with(|| json!(USAGE_PATH));
        }
        if let Some(name) = document.pointer("/plan_gate/keys/pem/env").and_then(Value::as_str)
            && document::is_variable_name(name)
            && !environment.contains_key(name)
        {
            return Err(format!(
                "plan_gate.keys.pem.env: {name} is not set in this shell; set it to the public key that the gate has, as in \
                 `export {name}=\"$(cat clerk-public-key.pem)\"`"
            ));
        }
        let document = document.to_string();
        let variable = |name: &str| environment.get(name).cloned();
        let configured = config::read::<config::PlanGateSettings>(document.as_bytes(), &variable)
            .map_err(|e| e.to_string())?
            .section;
        if matches!(configured.tokens.keys, KeySource::Jwks { .. }) && jwks.is_none() {
            let issuer = &configured.tokens.rules.issuer;
            return Err(format!(
                "plan_gate.keys.jwks: the gate fetches its keys; provide them: `curl {issuer}/.well-known/jwks.json > \
                jwks.json` and --jwks-file jwks.json"
            ));
        }
        let usage_path = configured.usage_path.clone().unwrap_or_default();
        let mut host = MemoryHost::default();
        host.environment = environment;
        let mut dispatch = Dispatch::new();
        if !dispatch.configure(&mut host, FILTER, Some(document.as_bytes())) {
            return Err(host.take_lines().pop().map(|(_, line)| line).unwrap_or_default());
        }
        Ok(Gate { dispatch, host, configured, usage_path, jwks })
    }

    /// Returns the configuration.
    pub(super) fn configured(&self) -> &PlanGateSettings {
        &self.configured
    }

    /// Returns the response of `usage_path`, or `None` if the token is not accepted.
    pub(super) fn usage(&mut self, now: Micros, host: &str, token: &str) -> Option<Value> {
        let path = self.usage_path.clone();
        match self.request(now, "GET", host, &path, token) {
            TokenVerdict::Refused { reply, .. } if reply.status == 200 => {
                serde_json::from_slice(&reply.body).ok()
            }
            _ => None,
        }
    }

    /// Returns what the gate does with a request with that token.
    pub(super) fn request(
        &mut self,
        now: Micros,
        method: &str,
        host: &str,
        path: &str,
        token: &str,
    ) -> TokenVerdict {
        let bearer = format!("Bearer {token}");
        let fields = [(":method", method), (":authority", host), (":path", path), ("authorization", &bearer)];
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.host.now = now;
        self.host.current = REQUEST;
        *self.host.request() =
            MemoryRequest { headers: HeaderMap::from_fields(fields), ..MemoryRequest::default() };
        self.dispatch.begin_request(REQUEST, FILTER);
        let mut flow = self.dispatch.request_headers(&mut self.host, REQUEST, true);
        // The only callout is the one for the key set.
        for started in self.host.take_callouts() {
            self.dispatch.callout_ended(&mut self.host, started.id, || jwks_result(self.jwks.as_deref()));
        }
        if self.host.request().resumed {
            flow = Flow::Continue;
        }
        let rule = self.rule();
        self.dispatch.end_context(&mut self.host, REQUEST);
        match (flow, self.host.request().reply.take()) {
            (Flow::Continue, _) => TokenVerdict::Admitted { rule },
            (Flow::Pause, Some(reply)) => TokenVerdict::Refused { rule, reply },
            (Flow::Pause, None) => TokenVerdict::Undecided,
        }
    }

    /// Returns the name of the rule that guards the request.
    fn rule(&self) -> Option<String> {
        let request = self.dispatch.request(REQUEST)?;
        request.rule_name(self.dispatch.worker(FILTER)?).map(str::to_owned)
    }
}

fn jwks_result(jwks: Option<&[u8]>) -> CalloutResult {
    let headers = HeaderMap::default();
    let response = |body: &[u8]| CalloutResult::Http { status: 200, headers, body: body.to_vec() };
    jwks.map_or(CalloutResult::Reset, response)
}
