//! The caller of an endpoint, the user or organization that it acts for, and whether it may.

use crate::auth::token::Session;
use crate::config::{BillingSettings, SubjectKind};
use crate::ids::Subject;
use serde_json::Value;

use super::error::BillingError;

/// The data of a verified session token that endpoints need.
#[derive(Clone, Debug)]
pub(super) struct BillingCaller {
    /// The session, without its claims.
    session: Session,
    subject: Option<Subject>,
    /// Whether the caller may act for its subject.
    is_allowed: bool,
}

impl AsRef<Session> for BillingCaller {
    fn as_ref(&self) -> &Session {
        &self.session
    }
}

impl BillingCaller {
    /// Reads the caller from a verified token.
    pub(super) fn new(session: Session, settings: &BillingSettings) -> Self {
        let subject = session.subject(settings.acts_for);
        let is_allowed = match &subject {
            Some(Subject::Organization(_)) => may_act(&session, settings),
            Some(Subject::User(_)) | None => true,
        };
        BillingCaller { session: session.without_claims(), subject, is_allowed }
    }

    /// Returns the subject that the caller acts for.
    ///
    /// # Errors
    /// [`BillingError::OrganizationRequired`] if the session has no active organization, and
    /// [`BillingError::NotAllowedForOrganization`] if the caller may not act for it.
    pub(super) fn subject(&self) -> Result<&Subject, BillingError> {
        match &self.subject {
            None => Err(BillingError::OrganizationRequired),
            Some(_) if !self.is_allowed => Err(BillingError::NotAllowedForOrganization),
            Some(subject) => Ok(subject),
        }
    }
}

/// Returns whether the session's role or one of its permissions allows it to act for the active organization.
fn may_act(session: &Session, settings: &BillingSettings) -> bool {
    let role = session.organization_role();
    let has_role = role.is_some_and(|role| {
        settings.organization_roles.iter().any(|allowed| strip_org(allowed) == strip_org(role))
    });
    let wanted = settings.organization_permission.as_deref();
    has_role || wanted.is_some_and(|wanted| session.has_organization_permission(wanted))
}

/// Returns a role without its prefix: version 1 of the claims has `org:admin`, version 2 has `admin`.
fn strip_org(role: &str) -> &str {
    role.strip_prefix("org:").unwrap_or(role)
}

impl Session {
    /// Returns the subject that the session acts for: the user, or the active organization.
    pub(crate) fn subject(&self, kind: SubjectKind) -> Option<Subject> {
        let user = || Subject::User(self.user.clone());
        let organization = self.organization.clone().map(Subject::Organization);
        match kind {
            SubjectKind::User => Some(user()),
            SubjectKind::Organization => organization,
            SubjectKind::OrganizationOrUser => Some(organization.unwrap_or_else(user)),
        }
    }

    fn without_claims(self) -> Self {
        Session { claims: serde_json::Map::new(), ..self }
    }

    /// Returns the role in the active organization: `o.rol` in version 2, `org_role` in version 1.
    fn organization_role(&self) -> Option<&str> {
        match self.claims.get("o") {
            Some(active) if self.has_second_version() => active.get("rol")?.as_str(),
            _ if self.has_second_version() => None,
            _ => self.claims.get("org_role")?.as_str(),
        }
    }

    /// Returns whether the session has a custom permission in the active organization, as
    /// `org:invoices:manage`.
    fn has_organization_permission(&self, wanted: &str) -> bool {
        if !self.has_second_version() {
            let list = self.claims.get("org_permissions").and_then(Value::as_array);
            return list.into_iter().flatten().any(|permission| permission == wanted);
        }
        let text = |value: Option<&'_ Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let active = self.claims.get("o");
        let of_active = |name| text(active.and_then(|active| active.get(name)));
        permissions(&text(self.claims.get("fea")), &of_active("per"), &of_active("fpm"))
            .iter()
            .any(|permission| permission == wanted)
    }

    fn has_second_version(&self) -> bool {
        self.claims.get("v").is_some_and(|version| *version == 2 || *version == "2")
    }
}

/// The maximum number of features of an organization, and of permissions of a feature, to read.
const FEATURES_MAX: usize = 64;

/// Returns the permissions of version 2 of the claims: for each feature of the organization (`fea`), a number
/// in `fpm` whose bits, the lowest first, select from the permissions in `per`.
fn permissions(features: &str, permissions: &str, maps: &str) -> Vec<String> {
    let of_organization = features.split(',').map(str::trim).filter_map(|feature| {
        let (scope, name) = feature.split_once(':')?;
        scope.contains('o').then_some(name)
    });
    let mut all = Vec::new();
    for (feature, map) in of_organization.zip(maps.split(',')).take(FEATURES_MAX) {
        let Ok(map) = map.trim().parse::<u64>() else { continue };
        for (bit, permission) in permissions.split(',').map(str::trim).enumerate().take(FEATURES_MAX) {
            if map.checked_shr(u32::try_from(bit).unwrap_or(u32::MAX)).is_some_and(|rest| rest & 1 == 1) {
                all.push(format!("org:{feature}:{permission}"));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that permissions are read in the same way as by `@clerk/shared` (`jwtPayloadParser.ts`).
    #[test]
    fn permissions_are_the_product_of_features_and_bits() {
        let cases = [
            ("one of each", "o:invoices", "manage", "1", vec!["org:invoices:manage"]),
            (
                "the lowest bit is the first",
                "o:a,o:b",
                "read,manage",
                "2,1",
                vec!["org:a:manage", "org:b:read"],
            ),
            ("all bits", "o:a", "read,manage", "3", vec!["org:a:read", "org:a:manage"]),
            ("none", "o:a", "read,manage", "0", vec![]),
            ("features of users do not count", "u:x,o:a", "read", "1", vec!["org:a:read"]),
            ("of both", "uo:a", "read", "1", vec!["org:a:read"]),
            ("fewer numbers than features", "o:a,o:b", "read", "1", vec!["org:a:read"]),
            ("no number", "o:a", "read", "x", vec![]),
            ("nothing", "", "", "", vec![]),
        ];
        for (why, features, per, fpm, want) in cases {
            assert_eq!(permissions(features, per, fpm), want, "{why}");
        }
    }
}
