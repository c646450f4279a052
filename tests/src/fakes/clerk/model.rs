//! Users and organizations, and how the Backend API shows them.

use serde_json::{Value, json};

use super::ClerkState;
use crate::fakes::server::unix_now;

/// The metadata of a user or an organization.
#[derive(Clone, Debug, PartialEq)]
pub struct ClerkMetadata {
    /// Readable by everyone, written by the server.
    pub public: Value,
    /// Read and written by the server only.
    pub private: Value,
    /// Written by the user in the browser; organizations have none.
    pub unsafe_: Value,
}

impl Default for ClerkMetadata {
    fn default() -> Self {
        ClerkMetadata { public: json!({}), private: json!({}), unsafe_: json!({}) }
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// `user_…`
    pub id: String,
    /// The metadata, which Tollgate reads and writes.
    pub metadata: ClerkMetadata,
    /// When it was created, in Unix milliseconds.
    pub created_at: i64,
    /// When it was last written, in Unix milliseconds.
    pub updated_at: i64,
}

/// An organization.
#[derive(Clone, Debug, PartialEq)]
pub struct Organization {
    /// `org_…`
    pub id: String,
    /// The metadata, which Tollgate reads and writes.
    pub metadata: ClerkMetadata,
    /// When it was created, in Unix milliseconds.
    pub created_at: i64,
    /// When it was last written, in Unix milliseconds.
    pub updated_at: i64,
}

macro_rules! subject {
    ($kind:ident) => {
        impl $kind {
            /// Returns one without metadata, created now.
            pub fn new(id: &str) -> Self {
                let now = unix_now() * 1000;
                $kind {
                    id: id.to_owned(),
                    metadata: ClerkMetadata::default(),
                    created_at: now,
                    updated_at: now,
                }
            }

            /// Sets the `public_metadata`.
            #[must_use]
            pub fn public_metadata(mut self, metadata: Value) -> Self {
                self.metadata.public = metadata;
                self
            }

            /// Sets the `private_metadata`.
            #[must_use]
            pub fn private_metadata(mut self, metadata: Value) -> Self {
                self.metadata.private = metadata;
                self
            }
        }

        impl Member for $kind {
            fn id(&self) -> &str {
                &self.id
            }
            fn metadata_mut(&mut self) -> &mut ClerkMetadata {
                &mut self.metadata
            }
            fn touch(&mut self) {
                self.updated_at = (self.updated_at + 1).max(unix_now() * 1000);
            }
            fn show(&self) -> Value {
                self.shown()
            }
        }
    };
}
subject!(User);
subject!(Organization);

/// The metadata that users and organizations have.
pub trait Member {
    /// Returns the id.
    fn id(&self) -> &str;
    /// Returns the metadata, to be changed.
    fn metadata_mut(&mut self) -> &mut ClerkMetadata;
    /// Sets the time of the last write to now.
    fn touch(&mut self);
    /// Returns the object as the API shows it.
    fn show(&self) -> Value;
}

impl User {
    fn shown(&self) -> Value {
        let address = format!("{}@example.com", self.id);
        json!({
            "id": self.id,
            "object": "user",
            "username": null,
            "first_name": "Ada",
            "last_name": null,
            "locale": null,
            "image_url": "https://img.clerk.com/none",
            "has_image": false,
            "primary_email_address_id": "idn_1",
            "primary_phone_number_id": null,
            "primary_web3_wallet_id": null,
            "password_enabled": false,
            "two_factor_enabled": false,
            "totp_enabled": false,
            "backup_code_enabled": false,
            "email_addresses": [{
                "id": "idn_1",
                "object": "email_address",
                "email_address": address,
                "reserved": false,
                "verification": {
                    "object": "verification_otp",
                    "status": "verified",
                    "strategy": "email_code",
                    "attempts": 1,
                    "expire_at": self.created_at + 600_000,
                },
                "linked_to": [],
                "matches_sso_connection": false,
                "created_at": self.created_at,
                "updated_at": self.created_at,
            }],
            "phone_numbers": [],
            "web3_wallets": [],
            "passkeys": [],
            "external_accounts": [],
            "saml_accounts": [],
            "enterprise_accounts": [],
            "public_metadata": self.metadata.public,
            "private_metadata": self.metadata.private,
            "unsafe_metadata": self.metadata.unsafe_,
            "external_id": null,
            "last_sign_in_at": null,
            "banned": false,
            "locked": false,
            "lockout_expires_in_seconds": null,
            "verification_attempts_remaining": 100,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "delete_self_enabled": true,
            "create_organization_enabled": true,
            "last_active_at": null,
            "mfa_enabled_at": null,
            "mfa_disabled_at": null,
            "legal_accepted_at": null,
        })
    }
}

impl Organization {
    fn shown(&self) -> Value {
        json!({
            "object": "organization",
            "id": self.id,
            "name": format!("Organization {}", self.id),
            "slug": self.id.to_lowercase().replace('_', "-"),
            "image_url": "https://img.clerk.com/none",
            "has_image": false,
            "max_allowed_memberships": 5,
            "admin_delete_enabled": true,
            "public_metadata": self.metadata.public,
            "private_metadata": self.metadata.private,
            "created_by": "user_founder",
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "last_active_at": null,
        })
    }
}

impl ClerkState {
    /// Returns the metadata of the user or organization `id`.
    pub(super) fn metadata_of(&self, id: &str) -> Option<&ClerkMetadata> {
        let user = self.users.iter().find(|user| user.id == id).map(|user| &user.metadata);
        user.or_else(|| self.organizations.iter().find(|o| o.id == id).map(|o| &o.metadata))
    }

    /// Returns the same, to be changed.
    pub(super) fn metadata_of_mut(&mut self, id: &str) -> Option<&mut ClerkMetadata> {
        let user = self.users.iter_mut().find(|user| user.id == id).map(|user| &mut user.metadata);
        user.or_else(|| self.organizations.iter_mut().find(|o| o.id == id).map(|o| &mut o.metadata))
    }
}
