//! Stripe's search, limited to metadata: <https://docs.stripe.com/search#search-query-language>.

use serde_json::{Value, json};

use super::account::StripeObject;
use super::endpoints::{ApiObject, Call};
use super::error::StripeError;
use super::model::StripeMetadata;

/// A query: clauses `metadata['key']:'value'`, joined by `OR`.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Result<Self, StripeError> {
        let invalid = || {
            let message = "We were unable to parse your search query. Try using the format \
                           `metadata[\"key\"]:\"value\"` to query for metadata or key:\"value\" to query for other fields.";
            StripeError::invalid_value("query", message.to_owned())
        };
        let clause = |text: &str| {
            let (key, rest) = quoted(text.strip_prefix("metadata[")?)?;
            let (value, rest) = quoted(rest.strip_prefix("]:")?)?;
            rest.is_empty().then_some((key, value))
        };
        text.split(" OR ").map(clause).collect::<Option<_>>().map(Query).ok_or_else(invalid)
    }

    fn matches(&self, metadata: &StripeMetadata) -> bool {
        self.0.iter().any(|(key, value)| metadata.get(key) == Some(value))
    }
}

/// Returns a quoted text, in which a backslash escapes, and the text after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut inside = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => inside.push(characters.next()?.1),
            end if end == quote => return text.get(at + 1..).map(|rest| (inside, rest)),
            other => inside.push(other),
        }
    }
    None
}

impl Call<'_> {
    /// Returns one page of the results, newest first. The token of the next page is the number of results
    /// before it.
    pub(super) fn search<T: ApiObject + StripeObject>(
        &self,
        url: &str,
        metadata: impl Fn(&T) -> &StripeMetadata,
    ) -> Result<Value, StripeError> {
        self.parameters.accept(&["query", "limit", "page"], &["expand"])?;
        let query = Query::parse(self.parameters.get("query")?.unwrap_or_default())?;
        let limit = self.parameters.limit()?;
        let before = match self.parameters.get("page")? {
            None => 0,
            Some(token) => token
                .strip_prefix("after_")
                .and_then(|count| count.parse().ok())
                .ok_or_else(|| StripeError::invalid_value("page", "Invalid page token".to_owned()))?,
        };
        let indexed_until = self.account.now - self.account.search_delay_s;
        let found = self.account.newest_first(|object: &T| {
            !self.other_mode
                && !object.is_deleted()
                && object.created_at() <= indexed_until
                && query.matches(metadata(object))
        });
        let end = found.len().min(before + limit);
        let data: Vec<Value> =
            found[before.min(end)..end].iter().map(|object| object.show(self.objects())).collect();
        let next = (end < found.len()).then(|| format!("after_{end}"));
        Ok(json!({
            "object": "search_result", "data": data, "has_more": next.is_some(), "next_page": next, "url": url,
        }))
    }
}
