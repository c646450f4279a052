//! What a filter's section of the document is: how it is written, what it becomes, and what it may know of the others.

use super::error::Problems;
use super::example::Example;
use super::plans::NotPlans;
use super::secrets::Secrets;
use super::upstream::CLERK_AUTHORITY;
use crate::plan_table::PlanTable;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// A filter's section, checked. The list of them is [`super::sections`].
pub trait Section: Named + Sized + fmt::Debug + 'static {
    /// The section as it is written.
    type Written<'a>: Deserialize<'a>;

    /// The fields that hold an exact path which the filter answers itself. The gate asks for no token there.
    const OWN_PATHS: &'static [&'static str];

    /// Examples of the section and its fields: the cure where one is missing or malformed.
    const EXAMPLES: &'static [Example];

    /// Checks what is written, and adds what is wrong to `problems`. Returns `None` if it cannot be checked, because the
    /// plans that it refers to are wrong themselves.
    fn read(
        written: &Self::Written<'_>,
        facts: &Facts<'_>,
        secrets: Secrets<'_>,
        problems: &mut Problems,
    ) -> Option<Self>;
}

/// A section's name, which the list gives it.
pub trait Named {
    /// The field of the document, and the name of the filter.
    const NAME: &'static str;
}

/// What the document says that any section may depend on. Texts of a section are as they are written: that section
/// checks them, and whatever is no text is not there.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The plans, and what is knowingly no plan; `None` if they are wrong.
    pub(crate) plans: Option<(PlanTable, NotPlans)>,
    /// The paths that the filters answer themselves.
    pub(crate) own_paths: Vec<OwnPath<'a>>,
    /// The key of the plan in `public_metadata`.
    pub(crate) plan_key: &'a str,
    /// Who issues session tokens; empty if no section says so.
    pub(crate) issuer: &'a str,
    /// The host of Clerk's Backend API, as the first section says that calls it.
    pub(crate) clerk_authority: &'a str,
}

/// A path that a filter answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnPath<'a> {
    /// The name of the filter's section.
    pub(crate) section: &'static str,
    /// The field of the section.
    pub(crate) field: &'static str,
    /// The path.
    pub(crate) path: &'a str,
}

impl fmt::Display for OwnPath<'_> {
    /// Writes where in the document the path stands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.section, self.field)
    }
}

impl<'a> Facts<'a> {
    /// Reads the facts that stand in sections, of which the paths are known. The plans are not among them.
    pub(super) fn new(document: &'a Value, own_paths: Vec<OwnPath<'a>>) -> Self {
        Facts {
            plans: None,
            own_paths,
            plan_key: text(document, &["stripe_webhook", "plan_key"]).unwrap_or("plan"),
            issuer: text(document, &["plan_gate", "issuer"]).unwrap_or_default(),
            clerk_authority: text(document, &["stripe_webhook", "clerk", "authority"])
                .or_else(|| text(document, &["plan_gate", "confirm", "authority"]))
                .unwrap_or(CLERK_AUTHORITY),
        }
    }

    /// Returns whether a section's filter answers a path itself.
    pub(super) fn has_own_path<S: Named>(&self) -> bool {
        self.own_paths.iter().any(|own| own.section == S::NAME)
    }

    /// Returns the paths that the filters of other sections answer themselves.
    pub(super) fn paths_of_others<S: Named>(&self) -> Vec<String> {
        self.own_paths.iter().filter(|own| own.section != S::NAME).map(|own| own.path.to_owned()).collect()
    }
}

/// Adds the paths that a section's filter answers itself.
pub(super) fn add_own_paths<'a, S: Section>(document: &'a Value, paths: &mut Vec<OwnPath<'a>>) {
    let path = |field: &&'static str| {
        let path = text(document, &[S::NAME, field])?;
        Some(OwnPath { section: S::NAME, field, path })
    };
    paths.extend(S::OWN_PATHS.iter().filter_map(path));
}

/// A text in a section.
fn text<'a>(document: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(document, |value, field| value.get(field))?.as_str()
}
