//! Stripe's search: queries for metadata, and the customers that match, or whose subscriptions match.

use super::object::UnreadableError;
use super::wire::{self, Object};
use crate::ids::CustomerId;

/// The maximum length of the next page's token, in bytes.
const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// Returns the clause of a query for objects with this value in their metadata
/// (<https://docs.stripe.com/search#search-query-language>).
pub(crate) fn metadata_clause(key: &str, value: &str) -> String {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    format!("metadata['{}']:'{}'", escape(key), escape(value))
}

/// One page of results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchResult {
    /// The customers.
    pub customers: Vec<CustomerId>,
    /// Ids that do not have the form of Stripe's ids.
    pub(crate) skipped: Vec<String>,
    /// The token of the next page, if there is one.
    pub(crate) next: Option<String>,
}

impl SearchResult {
    /// Parses the response to [`search`](super::api::StripeApi::search).
    ///
    /// # Errors
    /// [`UnreadableError`] if the body is not a page of customers or subscriptions, or has a next page but no
    /// token.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableError> {
        let body = wire::value(body)?;
        let result = Object::from_value(&body)?;
        let mut found = SearchResult::default();
        for object in result.page()? {
            let object = Object::from_value(object)?;
            let customer = match object.text("object")? {
                Some("customer") => Some(object.needed_text("id")?),
                _ => object.id_of("customer")?,
            };
            let customer = customer.ok_or(UnreadableError("customer"))?;
            match CustomerId::parse(customer) {
                Ok(id) => found.customers.push(id),
                Err(_) => found.skipped.push(customer.to_owned()),
            }
        }
        if result.is_set("has_more")? {
            let token = result.needed_text("next_page")?;
            let token = Some(token).filter(|token| !token.is_empty() && token.len() <= TOKEN_BYTES_MAX);
            found.next = Some(token.ok_or(UnreadableError("next_page"))?.to_owned());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(page: serde_json::Value) -> Result<SearchResult, UnreadableError> {
        SearchResult::parse(page.to_string().as_bytes())
    }

    #[test]
    fn quotes_and_backslashes_are_escaped_in_a_query() {
        assert_eq!(metadata_clause("clerk_user_id", "user_1"), "metadata['clerk_user_id']:'user_1'");
        assert_eq!(metadata_clause(r"a'b\c", "'"), r"metadata['a\'b\\c']:'\''");
    }

    #[test]
    fn customers_are_found_by_themselves_or_by_what_they_hold() {
        let page = json!({"object": "search_result", "has_more": true, "next_page": "WzEw", "data": [
            {"id": "cus_1", "object": "customer"},
            {"id": "sub_1", "object": "subscription", "customer": "cus_2"},
            {"id": "sub_2", "object": "subscription", "customer": {"id": "cus/3", "object": "customer"}},
        ]});
        let ids = ["cus_1", "cus_2"].map(|id| CustomerId::parse(id).unwrap());
        let (skipped, next) = (vec!["cus/3".to_owned()], Some("WzEw".to_owned()));
        assert_eq!(parse(page), Ok(SearchResult { customers: ids.into(), skipped, next }));
        assert_eq!(
            parse(json!({"data": [], "has_more": false, "next_page": null})),
            Ok(SearchResult::default())
        );
    }

    #[test]
    fn more_without_a_token_is_no_page() {
        for token in [json!(null), json!(""), json!("x".repeat(5_000))] {
            let page = json!({"data": [], "has_more": true, "next_page": token});
            assert_eq!(parse(page), Err(UnreadableError("next_page")));
        }
    }
}
