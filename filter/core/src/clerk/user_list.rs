//! Lists of all users and all organizations, in pages, with Tollgate's record of each.

use super::api::{BackendApi, ClerkApiError, success};
use super::metadata::Record;
use crate::http::{Callout, Outcome};
use crate::ids::{OrganizationId, Subject, UserId};
use crate::json;
use serde_json::Value;

/// The page size to request: Clerk's maximum.
pub(crate) const PAGE_MEMBERS_MAX: usize = 500;

/// The kind of subjects in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectListKind {
    /// Users.
    Users,
    /// Organizations.
    Organizations,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectPage {
    /// The subjects and their records.
    pub records: Vec<(Subject, Record)>,
    /// Ids that do not have the form of Clerk's ids.
    pub(crate) skipped: Vec<String>,
    /// The number of members, including skipped ones.
    pub(crate) members: usize,
}

/// Returns the request for the page after `offset` members. The oldest come first, so that a new member is
/// added at the end and shifts no page.
pub fn list(api: BackendApi<'_>, kind: SubjectListKind, offset: usize) -> Callout {
    let base_path = &api.upstream.base_path;
    let limit = PAGE_MEMBERS_MAX;
    let path = match kind {
        SubjectListKind::Users => {
            format!("{base_path}/users?limit={limit}&offset={offset}&order_by=created_at")
        }
        SubjectListKind::Organizations => {
            format!("{base_path}/organizations?order_by=created_at&limit={limit}&offset={offset}")
        }
    };
    api.callout("GET", path, Vec::new())
}

impl SubjectPage {
    /// Reads the response to [`list`].
    ///
    /// # Errors
    /// [`ClerkApiError`] if the request failed or the body is not a page.
    pub fn read(outcome: &Outcome<'_>, kind: SubjectListKind, plan_key: &str) -> Result<Self, ClerkApiError> {
        let response: Value = json::read(success(outcome)?).map_err(|_| ClerkApiError::Unreadable)?;
        // Clerk returns users as an array, and organizations in an object with their total number.
        let members = match kind {
            SubjectListKind::Users => response.as_array(),
            SubjectListKind::Organizations => response.get("data").and_then(Value::as_array),
        };
        let members = members.filter(|members| members.len() <= PAGE_MEMBERS_MAX);
        let mut page = SubjectPage::default();
        for member in members.ok_or(ClerkApiError::Unreadable)? {
            let id = member.get("id").and_then(Value::as_str).ok_or(ClerkApiError::Unreadable)?;
            let subject = match kind {
                SubjectListKind::Users => UserId::parse(id).map(Subject::User),
                SubjectListKind::Organizations => OrganizationId::parse(id).map(Subject::Organization),
            };
            let metadata = |name| member.get(name).unwrap_or(&Value::Null);
            let record =
                || Record::from_metadata(metadata("public_metadata"), metadata("private_metadata"), plan_key);
            match subject {
                Ok(subject) => page.records.push((subject, record())),
                Err(_) => page.skipped.push(id.to_owned()),
            }
            page.members = page.members.saturating_add(1);
        }
        Ok(page)
    }

    /// Returns whether another page may follow.
    pub(crate) fn is_full(&self) -> bool {
        self.members >= PAGE_MEMBERS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeaderMap;
    use serde_json::json;

    fn read(kind: SubjectListKind, body: &Value) -> Result<SubjectPage, ClerkApiError> {
        let (headers, body) = (HeaderMap::default(), body.to_string());
        SubjectPage::read(
            &Outcome::Response { status: 200, headers: &headers, body: body.as_bytes() },
            kind,
            "plan",
        )
    }

    #[test]
    fn users_are_an_array_and_organizations_are_in_an_object() {
        let member =
            |id: &str| json!({"id": id, "public_metadata": {"plan": "pro"}, "private_metadata": null});
        let record = || Record { plan: Some("pro".to_owned()), ..Record::default() };
        for (kind, ids) in [
            (SubjectListKind::Users, ["user_1", "user/2"]),
            (SubjectListKind::Organizations, ["org_1", "user_2"]),
        ] {
            let members = json!(ids.map(member));
            let body = match kind {
                SubjectListKind::Users => members,
                SubjectListKind::Organizations => json!({"data": members, "total_count": 2}),
            };
            let page = read(kind, &body).unwrap();
            assert_eq!(page.records, [(Subject::parse(ids[0]).unwrap(), record())]);
            assert_eq!((page.skipped, page.members), (vec![ids[1].to_owned()], 2));
        }
    }

    #[test]
    fn an_invalid_page_is_refused() {
        let too_many = json!(vec![json!({"id": "user_1"}); PAGE_MEMBERS_MAX + 1]);
        for (kind, body) in [
            (SubjectListKind::Users, json!({"data": []})),
            (SubjectListKind::Organizations, json!([])),
            (SubjectListKind::Users, json!([{"object": "user"}])),
            (SubjectListKind::Users, too_many),
        ] {
            assert_eq!(read(kind, &body), Err(ClerkApiError::Unreadable));
        }
    }

    #[test]
    fn only_a_full_page_may_have_a_next_one() {
        for (members, full) in [(PAGE_MEMBERS_MAX - 1, false), (PAGE_MEMBERS_MAX, true)] {
            let page = read(SubjectListKind::Users, &json!(vec![json!({"id": "user_1"}); members])).unwrap();
            assert_eq!(page.is_full(), full, "{members}");
        }
    }
}
