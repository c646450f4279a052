//! Sections of the documents whose filter is in none of the files.

use super::finding::{Finding, FindingKind};
use super::input::file::CheckedFile;
use super::input::resource::Resource;
use super::{envoy, envoy_gateway, istio};
use crate::check::filters::{CLERK_WEBHOOK, GATE, WEBHOOK};
use crate::document::FoundDocument;

/// Warns of webhooks and of a gate in these documents that no filter of the files serves. Files without filters
/// are not judged: the document alone has none. Nor is a filter missing if one that has a document cannot be
/// told apart.
pub(super) fn findings(
    files: &[&CheckedFile],
    resources: &[Resource<'_>],
    documents: &[(&CheckedFile, &FoundDocument)],
) -> Vec<Finding> {
    let filters = filters(files, resources);
    let mut findings = Vec::new();
    if filters.is_empty() || has_unnamed(files, resources) {
        return findings;
    }
    for (file, found) in documents {
        for section in [WEBHOOK, CLERK_WEBHOOK, GATE] {
            if found.document.get(section).is_none() || filters.contains(&section) {
                continue;
            }
            let (kind, effect) = match section {
                GATE => (
                    FindingKind::UnservedGate,
                    "requests reach the service without a token and without limits",
                ),
                _ => (FindingKind::UnservedWebhook, "nothing verifies the deliveries"),
            };
            let text = format!(
                "the document has the section `{section}`, but there is no filter `{section}`, so {effect}: add it, or remove \
                 the section"
            );
            findings.push(Finding::new(kind, file.base(&found.location).at(section), text));
        }
    }
    findings
}

/// Returns which of Tollgate's filters the files have, in configurations of any kind.
fn filters(files: &[&CheckedFile], resources: &[Resource<'_>]) -> Vec<&'static str> {
    let values = files.iter().flat_map(|file| &file.contents.values);
    let envoys = values.flat_map(|value| envoy::filters(&value.value));
    envoys.chain(istio::filters(resources)).chain(envoy_gateway::filters(resources)).collect()
}

/// Returns whether a filter has a document and a name by which it is none of Tollgate's.
fn has_unnamed(files: &[&CheckedFile], resources: &[Resource<'_>]) -> bool {
    files.iter().any(|file| file.contents.values.iter().any(|value| envoy::has_unnamed(&value.value)))
        || istio::has_unnamed(resources)
        || envoy_gateway::has_unnamed(resources)
}
