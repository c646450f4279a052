//! A fake of Clerk's Backend API that keeps state and checks requests as Clerk does, and Clerk's session
//! tokens.

mod backend;
pub mod billing;
mod error;
mod instance;
pub mod keys;
mod list;
mod metadata;
mod model;
mod rate_limit;
#[cfg(test)]
mod tests;
pub mod tokens;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use backend::ClerkBackendApi;
use billing::BillingState;
use keys::KeyPair;
pub use model::{Member, Organization, User};
use rate_limit::RateLimit;
use tokens::Token;

use crate::fakes::faults::Faults;
use crate::fakes::server::{FakeResponse, FakeServer, Request, RequestLog, Service, unix_now};

/// The version of the Backend API that the fake serves unless a test sets another one.
pub const API_VERSION: &str = "2026-05-12";

/// The settings of the fake.
#[derive(Clone, Debug)]
pub struct ClerkSettings {
    /// The secret key that it accepts.
    pub secret_key: String,
    /// The only version that it serves.
    pub version: String,
    /// The instance's Frontend API URL, which its tokens name as their issuer.
    pub issuer: String,
    /// The instance's id.
    pub instance: String,
    /// Whether writes are limited as Clerk limits them: 10 in 10 seconds for each user or organization.
    pub rate_limit: bool,
}

impl Default for ClerkSettings {
    fn default() -> Self {
        ClerkSettings {
            secret_key: "sk_test_tollgateclerk0001".to_owned(),
            version: API_VERSION.to_owned(),
            issuer: "https://clerk.example.com".to_owned(),
            instance: "ins_2Tollgate0001".to_owned(),
            rate_limit: true,
        }
    }
}

impl ClerkSettings {
    /// Returns the settings of a production instance, with its key.
    pub fn production() -> Self {
        ClerkSettings { secret_key: "sk_live_tollgateclerk0001".to_owned(), ..ClerkSettings::default() }
    }
}

/// A running fake; it stops when this is dropped.
pub struct FakeClerk {
    server: FakeServer,
    backend: Arc<ClerkBackendApi>,
}

/// The state of an instance.
#[derive(Default)]
struct ClerkState {
    users: Vec<User>,
    organizations: Vec<Organization>,
    /// The keys in the JWKS.
    keys: Vec<&'static KeyPair>,
    writes: RateLimit,
    billing: BillingState,
    requests: u64,
}

impl FakeClerk {
    /// Starts an instance without users on a free port.
    pub async fn start() -> Self {
        Self::start_with(ClerkSettings::default()).await
    }

    /// Starts an instance without users and with these settings on a free port.
    pub async fn start_with(settings: ClerkSettings) -> Self {
        let state = ClerkState { keys: vec![KeyPair::first()], ..ClerkState::default() };
        let backend = Arc::new(ClerkBackendApi { settings, state: Mutex::new(state) });
        let server = FakeServer::start(Arc::clone(&backend) as Arc<dyn Service>).await;
        FakeClerk { server, backend }
    }

    /// Returns the address at which it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Handles a request in one atomic step, without HTTP, faults, or the log.
    pub fn carry_out(&self, request: &Request) -> FakeResponse {
        self.backend.carry_out(request)
    }

    /// Returns the secret key that it accepts.
    pub fn secret_key(&self) -> &str {
        &self.backend.settings.secret_key
    }

    /// Returns the issuer of its session tokens.
    pub fn issuer(&self) -> &str {
        &self.backend.settings.issuer
    }

    /// Returns the log of all requests.
    pub fn log(&self) -> &Arc<RequestLog> {
        self.server.log()
    }

    /// Returns the rules by which requests fail.
    pub fn faults(&self) -> &Arc<Faults> {
        self.server.faults()
    }

    /// Replaces the keys in the JWKS. The first key signs the tokens of [`FakeClerk::token`].
    ///
    /// # Panics
    /// If there is none.
    pub fn set_keys(&self, keys: &[&'static KeyPair]) {
        assert!(!keys.is_empty(), "an instance has a key");
        self.state().keys = keys.to_vec();
    }

    /// Adds a user, or replaces the user with the same id.
    pub fn put_user(&self, user: User) {
        let mut state = self.state();
        state.users.retain(|existing| existing.id != user.id);
        state.users.push(user);
    }

    /// Adds an organization, or replaces the organization with the same id.
    pub fn put_organization(&self, organization: Organization) {
        let mut state = self.state();
        state.organizations.retain(|existing| existing.id != organization.id);
        state.organizations.push(organization);
    }

    /// Deletes the user or the organization `id`, if there is one.
    pub fn delete(&self, id: &str) {
        let mut state = self.state();
        state.users.retain(|user| user.id != id);
        state.organizations.retain(|organization| organization.id != id);
        state.billing.forget(id);
    }

    /// Returns the `public_metadata` of a user or an organization, or null if the id is unknown.
    pub fn public_metadata(&self, id: &str) -> Value {
        self.state().metadata_of(id).map_or(Value::Null, |metadata| metadata.public.clone())
    }

    /// Returns the `private_metadata` of a user or an organization, or null if the id is unknown.
    pub fn private_metadata(&self, id: &str) -> Value {
        self.state().metadata_of(id).map_or(Value::Null, |metadata| metadata.private.clone())
    }

    /// Returns the plan in the `public_metadata` of a user or an organization.
    pub fn plan(&self, id: &str) -> Option<String> {
        self.public_metadata(id)["plan"].as_str().map(str::to_owned)
    }

    /// Replaces the `public_metadata` of a user or an organization, as an operator can in the dashboard.
    ///
    /// # Panics
    /// If there is no object with this id.
    pub fn set_public_metadata(&self, id: &str, metadata: Value) {
        let mut state = self.state();
        state.metadata_of_mut(id).unwrap_or_else(|| panic!("Clerk has no {id}")).public = metadata;
    }

    /// Replaces the `private_metadata` of a user or an organization.
    ///
    /// # Panics
    /// If there is no object with this id.
    pub fn set_private_metadata(&self, id: &str, metadata: Value) {
        let mut state = self.state();
        state.metadata_of_mut(id).unwrap_or_else(|| panic!("Clerk has no {id}")).private = metadata;
    }

    /// Returns a session token for a user, issued now, with the current metadata, as if "customize session
    /// token" were `{"public_metadata": "{{user.public_metadata}}"}`.
    ///
    /// # Panics
    /// If there is no such user.
    pub fn token(&self, user: &str) -> Token {
        let state = self.state();
        let metadata =
            state.metadata_of(user).unwrap_or_else(|| panic!("Clerk has no {user}")).public.clone();
        Token::session(user, unix_now())
            .issuer(self.issuer())
            .claim("public_metadata", metadata)
            .key(state.keys[0])
    }

    /// Returns a session token with an active organization, whose metadata are under `org_public_metadata`.
    ///
    /// # Panics
    /// If there is no such user or organization.
    pub fn organization_token(&self, user: &str, organization: &str) -> Token {
        let metadata = self.public_metadata(organization);
        assert!(!metadata.is_null(), "Clerk has no {organization}");
        let token = self.token(user).organization(organization, "admin");
        token.claim("org_public_metadata", metadata)
    }

    /// Returns the response of the JWKS endpoints.
    pub fn jwks(&self) -> Value {
        keys::jwks(&self.state().keys)
    }

    fn state(&self) -> MutexGuard<'_, ClerkState> {
        self.backend.state()
    }
}
