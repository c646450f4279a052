//! The endpoints of Clerk's Backend API that Tollgate uses, and the instance's public keys.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value};

use super::error::ClerkError;
use super::metadata::merge;
use super::{ClerkSettings, ClerkState, Member, billing, instance, keys, list};
use crate::fakes::server::{FakeResponse, Request, Service};

/// The largest size of each kind of metadata, as JSON.
const METADATA_BYTES_MAX: usize = 8 * 1024;

/// The fields that `PATCH` of a user takes besides metadata, as far as a test could send them.
const USER_FIELDS: [&str; 6] = ["external_id", "first_name", "last_name", "locale", "password", "username"];
/// The same for an organization.
const ORGANIZATION_FIELDS: [&str; 4] = ["admin_delete_enabled", "max_allowed_memberships", "name", "slug"];

/// The state that the server and the handle share.
pub(super) struct ClerkBackendApi {
    pub(super) settings: ClerkSettings,
    pub(super) state: Mutex<ClerkState>,
}

/// Users or organizations.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    User,
    Organization,
}

impl Kind {
    fn metadata_fields(self) -> &'static [&'static str] {
        match self {
            Kind::User => &["public_metadata", "private_metadata", "unsafe_metadata"],
            Kind::Organization => &["public_metadata", "private_metadata"],
        }
    }

    fn find<'a>(self, state: &'a mut ClerkState, id: &str) -> Result<&'a mut dyn Member, ClerkError> {
        let found = match self {
            Kind::User => state.users.iter_mut().find(|u| u.id() == id).map(|u| u as &mut dyn Member),
            Kind::Organization => {
                state.organizations.iter_mut().find(|o| o.id() == id).map(|o| o as &mut dyn Member)
            }
        };
        found.ok_or_else(|| match self {
            Kind::User => ClerkError::user_not_found(id),
            Kind::Organization => ClerkError::organization_not_found(),
        })
    }
}

impl ClerkBackendApi {
    pub(super) fn state(&self) -> MutexGuard<'_, ClerkState> {
        // After a panic of a test that held the lock, its message matters, not a second panic here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, request: &Request, state: &mut ClerkState) -> Result<Value, ClerkError> {
        let segments: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        if request.method == "GET" && segments == [".well-known", "jwks.json"] {
            return Ok(keys::jwks(&state.keys));
        }
        self.authenticate(request)?;
        let (kind, id, rest) = match segments.as_slice() {
            ["v1", "jwks"] if request.method == "GET" => return Ok(keys::jwks(&state.keys)),
            ["v1", "instance"] if request.method == "GET" => {
                return instance::instance(request, &self.settings);
            }
            ["v1", "domains"] if request.method == "GET" => {
                return instance::domains(request, &self.settings);
            }
            ["v1", "users"] if request.method == "GET" => return list::users(request, state),
            ["v1", "organizations"] if request.method == "GET" => return list::organizations(request, state),
            ["v1", "billing", "subscription_items"] if request.method == "GET" => {
                return billing::list_items(request, &state.billing);
            }
            ["v1", "users", id, rest @ ..] => (Kind::User, *id, rest),
            ["v1", "organizations", id, rest @ ..] => (Kind::Organization, *id, rest),
            _ => return Err(ClerkError::url_not_found()),
        };
        match (request.method.as_str(), rest) {
            ("GET", []) => kind.find(state, id).map(|member| member.show()),
            ("GET", ["billing", "subscription"]) => {
                kind.find(state, id)?;
                billing::subscription_of(&state.billing, id)
            }
            ("PATCH", ["metadata"]) => self.merge_metadata(kind, id, request, state),
            ("PATCH", []) => self.update(kind, id, request, state),
            _ => Err(ClerkError::url_not_found()),
        }
    }

    fn authenticate(&self, request: &Request) -> Result<(), ClerkError> {
        let key = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if key.ok_or_else(ClerkError::malformed_authorization)? != self.settings.secret_key {
            return Err(ClerkError::invalid_key());
        }
        match request.header("clerk-api-version") {
            Some(version) if version == self.settings.version => Ok(()),
            other => Err(ClerkError::version(other)),
        }
    }

    fn merge_metadata(
        &self,
        kind: Kind,
        id: &str,
        request: &Request,
        state: &mut ClerkState,
    ) -> Result<Value, ClerkError> {
        let fields = body(request)?;
        if let Some(unknown) = fields.keys().find(|name| !kind.metadata_fields().contains(&name.as_str())) {
            return Err(ClerkError::unknown_field(unknown));
        }
        let mut changed = kind.find(state, id)?.metadata_mut().clone();
        for (name, update) in &fields {
            if !update.is_object() {
                return Err(ClerkError::not_an_object(name));
            }
            let metadata = match name.as_str() {
                "public_metadata" => &mut changed.public,
                "private_metadata" => &mut changed.private,
                _ => &mut changed.unsafe_,
            };
            merge(metadata, update);
            if metadata.to_string().len() > METADATA_BYTES_MAX {
                return Err(ClerkError::too_large(name, METADATA_BYTES_MAX));
            }
        }
        self.count_write(id, state)?;
        let member = kind.find(state, id)?;
        *member.metadata_mut() = changed;
        member.touch();
        Ok(member.show())
    }

    /// Handles `PATCH` of the object itself. It checks the fields as this version of the API does, and stores
    /// none.
    fn update(
        &self,
        kind: Kind,
        id: &str,
        request: &Request,
        state: &mut ClerkState,
    ) -> Result<Value, ClerkError> {
        let fields = body(request)?;
        let known = if kind == Kind::User { &USER_FIELDS[..] } else { &ORGANIZATION_FIELDS[..] };
        for name in fields.keys() {
            if kind.metadata_fields().contains(&name.as_str()) {
                return Err(ClerkError::deprecated_field(name, &format!("PATCH {}/metadata", request.path)));
            }
            if !known.contains(&name.as_str()) {
                return Err(ClerkError::unknown_field(name));
            }
        }
        kind.find(state, id)?;
        self.count_write(id, state)?;
        let member = kind.find(state, id)?;
        member.touch();
        Ok(member.show())
    }

    fn count_write(&self, id: &str, state: &mut ClerkState) -> Result<(), ClerkError> {
        if !self.settings.rate_limit {
            return Ok(());
        }
        state.writes.admit(id, Instant::now()).map_err(ClerkError::too_many_requests)
    }
}

fn body(request: &Request) -> Result<Map<String, Value>, ClerkError> {
    let kind = request.header("content-type").unwrap_or_default();
    if kind.split(';').next() != Some("application/json") {
        return Err(ClerkError::content_type(kind));
    }
    match request.json() {
        Value::Object(fields) => Ok(fields),
        _ => Err(ClerkError::body_invalid()),
    }
}

impl Service for ClerkBackendApi {
    fn carry_out(&self, request: &Request) -> FakeResponse {
        let mut state = self.state();
        state.requests += 1;
        let trace_id = format!("{:032x}", state.requests);
        match self.call(request, &mut state) {
            Ok(body) => FakeResponse::json(200, &body),
            Err(error) => error.response(&trace_id),
        }
        .with_header("x-clerk-trace-id", &trace_id)
    }
}
