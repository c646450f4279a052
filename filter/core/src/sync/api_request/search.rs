//! Requests that search Stripe for what names a subject in its metadata.

use super::{ApiRequest, object_in};
use crate::config::SyncSettings;
use crate::config::note_keys::OWNER_KEY;
use crate::http::{Callout, Outcome};
use crate::ids::Subject;
use crate::stripe::api::{Searched, StripeApi};
use crate::stripe::outcome::StripeResponse;
use crate::stripe::search::{SearchResult, metadata_clause};
use crate::sync::error::SyncError;

/// The maximum number of pages to read of one search.
const SEARCH_PAGES_MAX: usize = 10;

/// A request for a page of the customers, or of the subscriptions, whose metadata name a subject. Changes
/// within the last minute may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SearchSubject {
    pub(crate) what: Searched,
    pub(crate) subject: Subject,
    page: Option<String>,
    /// The number of earlier pages.
    pages: usize,
}

impl SearchSubject {
    /// Creates the requests for the first page of the customers and of the subscriptions.
    pub(crate) fn both(subject: &Subject) -> [Self; 2] {
        [Searched::Customers, Searched::Subscriptions].map(|what| SearchSubject {
            what,
            subject: subject.clone(),
            page: None,
            pages: 0,
        })
    }

    /// Returns the request for the page with this token, if there is one.
    ///
    /// # Errors
    /// [`SyncError::TooMany`] if the maximum number of pages is reached.
    pub(crate) fn next(self, page: Option<String>) -> Result<Option<Self>, SyncError> {
        let pages = self.pages.saturating_add(1);
        match page {
            None => Ok(None),
            Some(_) if pages >= SEARCH_PAGES_MAX => Err(SyncError::TooMany),
            page => Ok(Some(SearchSubject { page, pages, ..self })),
        }
    }

    /// Returns the query; that for subscriptions includes the note.
    fn query(&self, settings: &SyncSettings) -> String {
        let keys = match &self.subject {
            Subject::User(_) => &settings.subject_keys.user,
            Subject::Organization(_) => &settings.subject_keys.organization,
        };
        let note = (self.what == Searched::Subscriptions).then_some(OWNER_KEY);
        let clauses = keys.iter().map(String::as_str).chain(note);
        let clauses = clauses.map(|key| metadata_clause(key, self.subject.as_str()));
        clauses.collect::<Vec<_>>().join(" OR ")
    }
}

impl ApiRequest for SearchSubject {
    type Response = SearchResult;

    fn callout(&self, settings: &SyncSettings, _: &str) -> Callout {
        let query = self.query(settings);
        StripeApi::new(&settings.stripe).search(self.what, &query, self.page.as_deref())
    }

    fn read(&self, _: &SyncSettings, outcome: &Outcome<'_>) -> Result<SearchResult, SyncError> {
        let response = StripeResponse::from_outcome(outcome, SearchResult::parse);
        Ok(object_in(self.what.endpoint(), response)?.unwrap_or_default())
    }
}
