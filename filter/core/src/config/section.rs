//! The interface of a filter's section: its form in the document, its checked form, and the values of other
//! sections that it may read.

use super::document::ApiKeyVariable;
use super::document::webhook::Mode;
use super::error::{Checked, ConfigError, Problems, quote};
use super::example::Example;
use super::plans::NotPlans;
use super::secrets::Secrets;
use super::upstream::CLERK_AUTHORITY;
use crate::plan_table::PlanTable;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// The checked settings of a filter's section. [`super::sections`] lists the sections.
pub trait Section: NamedSection + Sized + fmt::Debug + 'static {
    /// The section as written in the document.
    type Written<'a>: Deserialize<'a>;

    /// The fields that hold a path to which the filter itself responds. The gate requires no token there.
    const OWN_PATHS: &'static [&'static str];

    /// The fields that hold a path below which the filter itself responds to every path.
    const OWN_PREFIXES: &'static [&'static str] = &[];

    /// Examples of the section and its fields, which errors show where one is missing or malformed.
    const EXAMPLES: &'static [Example];

    /// Checks the written section, and adds its errors to `problems`. Returns `None` if the section cannot be
    /// checked because the plans that it refers to have errors.
    fn read(
        written: &Self::Written<'_>,
        shared: &SharedValues<'_>,
        secrets: Secrets<'_>,
        problems: &mut Problems,
    ) -> Option<Self>;
}

/// A section's name, which [`super::sections`] defines.
pub trait NamedSection {
    /// The field of the document, which is also the name of the filter.
    const NAME: &'static str;
}

/// The values of the document that any section may depend on. A string is checked only by its own section,
/// not here; a value that is not a string counts as absent.
#[derive(Debug)]
pub struct SharedValues<'a> {
    /// The whole document, for a section that depends on another.
    pub(super) document: &'a Value,
    /// The API keys that the filters read from the environment.
    pub(super) api_keys: Vec<ApiKeyVariable>,
    /// The plans, and the prices and products that are deliberately not plans; `None` if they have errors.
    pub(crate) plans: Option<(PlanTable, NotPlans)>,
    /// The paths to which the filters themselves respond.
    pub(crate) own_paths: Vec<OwnPath<'a>>,
    /// The key of the plan in `public_metadata`.
    pub(crate) plan_key: &'a str,
    /// The issuer of session tokens; empty if no section has it.
    pub(crate) issuer: &'a str,
    /// The host of Clerk's Backend API, from the first section that calls it.
    pub(crate) clerk_authority: &'a str,
}

/// A path to which a filter itself responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnPath<'a> {
    /// The name of the filter's section.
    pub(crate) section: &'static str,
    /// The field of the section.
    pub(crate) field: &'static str,
    /// The path.
    pub(crate) path: &'a str,
    /// Whether the filter responds to all paths below it as well.
    pub(crate) has_paths_below: bool,
}

/// A path to which the filter of another section responds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathOfOther {
    /// The name of the section, which is that of the filter.
    pub(crate) section: &'static str,
    path: String,
    has_paths_below: bool,
    /// Whether that filter forwards some requests: a webhook in the mode `forward`.
    pub(crate) is_forwarded: bool,
}

impl PathOfOther {
    /// Returns whether that filter responds to a request with this path, which has no query.
    pub(crate) fn serves(&self, path: &[u8]) -> bool {
        match path.strip_prefix(self.path.as_bytes()) {
            Some(b"") => true,
            Some(below) => self.has_paths_below && below.starts_with(b"/"),
            None => false,
        }
    }
}

impl OwnPath<'_> {
    /// Returns whether the filter responds to `path`.
    fn has_path(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.path);
        below.is_some_and(|below| below.is_empty() || (self.has_paths_below && below.starts_with('/')))
    }
}

impl fmt::Display for OwnPath<'_> {
    /// Writes the location of the path in the document.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.section, self.field)
    }
}

impl<'a> SharedValues<'a> {
    /// Reads the values from the sections, except the plans.
    pub(super) fn new(document: &'a Value, own_paths: Vec<OwnPath<'a>>) -> Self {
        SharedValues {
            document,
            api_keys: Vec::new(),
            plans: None,
            own_paths,
            plan_key: text(document, &["stripe_webhook", "plan_key"]).unwrap_or("plan"),
            issuer: text(document, &["plan_gate", "issuer"]).unwrap_or_default(),
            clerk_authority: text(document, &["stripe_webhook", "clerk", "authority"])
                .or_else(|| text(document, &["plan_gate", "confirm", "authority"]))
                .or_else(|| text(document, &["clerk_webhook", "clerk", "authority"]))
                .unwrap_or(CLERK_AUTHORITY),
        }
    }

    /// Returns whether the document has section `S`.
    pub(super) fn has_section<S: NamedSection>(&self) -> bool {
        self.document.get(S::NAME).is_some()
    }

    /// Returns whether the filter of section `S` itself responds to a path.
    pub(super) fn has_own_path<S: NamedSection>(&self) -> bool {
        self.own_paths.iter().any(|own| own.section == S::NAME)
    }

    /// Returns the paths to which the filters of other sections respond.
    pub(super) fn paths_of_others<S: NamedSection>(&self) -> Vec<PathOfOther> {
        let others = self.own_paths.iter().filter(|own| own.section != S::NAME);
        let path = |own: &OwnPath<'_>| PathOfOther {
            section: own.section,
            path: own.path.to_owned(),
            has_paths_below: own.has_paths_below,
            is_forwarded: self.mode(own.section) == Some(Mode::Forward),
        };
        others.map(path).collect()
    }

    fn mode(&self, section: &str) -> Option<Mode> {
        Mode::deserialize(self.document.get(section)?.get("mode")?).ok()
    }

    /// Returns an error if the filter of another section responds to the path of a field, or to one below it.
    pub(super) fn check_not_taken(&self, own_path: &OwnPath<'_>) -> Checked<()> {
        let is_taken = |other: &&OwnPath<'_>| {
            other.section != own_path.section
                && (other.has_path(own_path.path) || own_path.has_path(other.path))
        };
        match self.own_paths.iter().find(is_taken) {
            None => Ok(()),
            Some(other) => {
                let relation = if other.path == own_path.path { "is also" } else { "overlaps with" };
                let problem = format!("{} {relation} {other}", quote(own_path.path));
                Err(ConfigError::new(own_path.to_string(), problem, "use another path"))
            }
        }
    }
}

/// Adds the paths to which the filter of section `S` itself responds.
pub(super) fn add_own_paths<'a, S: Section>(document: &'a Value, paths: &mut Vec<OwnPath<'a>>) {
    let exact = S::OWN_PATHS.iter().map(|field| (field, false));
    for (field, has_paths_below) in exact.chain(S::OWN_PREFIXES.iter().map(|field| (field, true))) {
        let path = text(document, &[S::NAME, field]);
        paths.extend(path.map(|path| OwnPath { section: S::NAME, field, path, has_paths_below }));
    }
}

/// Returns the string at a path of field names.
fn text<'a>(document: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(document, |value, field| value.get(field))?.as_str()
}
