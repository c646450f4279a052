//! The lists of users and organizations: <https://clerk.com/docs/reference/backend-api/tag/Users>. Filters
//! that Tollgate does not use are refused, not ignored.

use serde_json::{Value, json};

use super::ClerkState;
use super::error::ClerkError;
use super::model::Member;
use crate::fakes::server::Request;

/// The page size without `limit`.
const LIMIT_DEFAULT: usize = 10;
/// The largest `limit`.
const LIMIT_MAX: usize = 500;

/// The part of a list that a request selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    limit: usize,
    offset: usize,
    newest_first: bool,
}

impl Page {
    fn from_request(request: &Request) -> Result<Self, ClerkError> {
        let mut page = Page { limit: LIMIT_DEFAULT, offset: 0, newest_first: true };
        for (name, value) in request.query_pairs() {
            let invalid = || ClerkError::invalid_parameter(&name);
            match name.as_str() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                    page.limit = limit.ok_or_else(invalid)?;
                }
                "offset" => page.offset = value.parse().map_err(|_| invalid())?,
                "order_by" => {
                    page.newest_first = match value.as_str() {
                        "created_at" | "+created_at" => false,
                        "-created_at" => true,
                        _ => return Err(invalid()),
                    }
                }
                _ => return Err(ClerkError::unknown_field(&name)),
            }
        }
        Ok(page)
    }

    /// Returns the members of the page. `created` returns when a member was created; members of the same time
    /// keep their order.
    fn cut<M: Member>(self, members: &[M], created: impl Fn(&M) -> i64) -> Vec<Value> {
        let mut all: Vec<&M> = members.iter().collect();
        all.sort_by_key(|member| created(member));
        if self.newest_first {
            all.reverse();
        }
        all.into_iter().skip(self.offset).take(self.limit).map(Member::show).collect()
    }
}

/// Handles `GET /v1/users`, which returns a plain list.
pub(super) fn users(request: &Request, state: &ClerkState) -> Result<Value, ClerkError> {
    Ok(json!(Page::from_request(request)?.cut(&state.users, |user| user.created_at)))
}

/// Handles `GET /v1/organizations`, which returns a list and the total count.
pub(super) fn organizations(request: &Request, state: &ClerkState) -> Result<Value, ClerkError> {
    let page = Page::from_request(request)?.cut(&state.organizations, |organization| organization.created_at);
    Ok(json!({"data": page, "total_count": state.organizations.len()}))
}
