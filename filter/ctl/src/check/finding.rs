//! What a check can find: its names, which [`crate::check`] prints and `--allow` takes, and their levels.

use crate::document::member;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// It will not start, will always fail, or leaves requests unguarded.
    Error,
    /// It is valid and probably not intended.
    Warning,
}

impl Level {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
        }
    }
}

/// Defines the kinds of findings, each with its level and its name.
macro_rules! kinds {
    ($($kind:ident = $level:ident $name:literal,)+) => {
        /// A kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum FindingKind { $($kind,)+ }

        impl FindingKind {
            /// All kinds.
            pub(super) const ALL: &[FindingKind] = &[$(FindingKind::$kind,)+];

            /// Returns its name.
            pub(super) fn as_str(self) -> &'static str {
                match self { $(FindingKind::$kind => $name,)+ }
            }

            /// Returns its level.
            pub(super) fn level(self) -> Level {
                match self { $(FindingKind::$kind => Level::$level,)+ }
            }
        }
    };
}

kinds! {
    Unreadable = Error "unreadable",
    Syntax = Error "syntax",
    RepeatedName = Error "repeated_name",
    NoDocument = Error "no_document",
    InvalidDocument = Error "invalid_document",
    InvalidEnvironment = Error "invalid_environment",
    MissingDocument = Error "missing_document",
    MissingSection = Error "missing_section",
    MissingVariable = Error "missing_variable",
    MissingFilter = Error "missing_filter",
    UnknownField = Error "unknown_field",
    UnknownFilter = Error "unknown_filter",
    WrongModule = Error "wrong_module",
    WrongType = Error "wrong_type",
    MisplacedRouter = Error "misplaced_router",
    UnknownCluster = Error "unknown_cluster",
    MissingCredential = Error "missing_credential",
    WrongCredential = Error "wrong_credential",
    MissingCodec = Error "missing_codec",
    WrongKeySet = Error "wrong_key_set",
    MissingExtension = Error "missing_extension",
    PortClash = Error "port_clash",
    FailOpen = Error "fail_open",
    HeadersNotHeld = Error "headers_not_held",
    RouteByOwnHeader = Error "route_by_own_header",
    UnreadRule = Error "unread_rule",
    UnknownListener = Error "unknown_listener",
    UnknownTarget = Error "unknown_target",
    SelectorMismatch = Error "selector_mismatch",
    MissingFile = Error "missing_file",
    InvalidKeyFile = Error "invalid_key_file",
    NotEnvoy = Error "not_envoy",
    RefusedByEnvoy = Error "refused_by_envoy",
    MissingRuntime = Error "missing_runtime",
    FilterOrder = Warning "filter_order",
    UnservedWebhook = Warning "unserved_webhook",
    UnservedGate = Warning "unserved_gate",
    CorsOrder = Warning "cors_order",
    CorsOrigins = Warning "cors_origins",
    Phase = Warning "phase",
    FailurePolicy = Warning "failure_policy",
    ModuleClosed = Warning "module_closed",
    ModuleAbi = Warning "module_abi",
    SeparateVms = Warning "separate_vms",
    NoTls = Warning "no_tls",
    UnverifiedTls = Warning "unverified_tls",
    WrongHost = Warning "wrong_host",
    OpenRoute = Warning "open_route",
    OpenAdmin = Warning "open_admin",
    PolicyOnRoute = Warning "policy_on_route",
    RewrittenPath = Warning "rewritten_path",
    BufferLimit = Warning "buffer_limit",
    ClientAddress = Warning "client_address",
    MissingNode = Warning "missing_node",
    DocumentsDiffer = Warning "documents_differ",
    UnsoldPlan = Warning "unsold_plan",
    UnusedLimit = Warning "unused_limit",
    AnyParty = Warning "any_party",
    TestIssuer = Warning "test_issuer",
    UnmatchedPass = Warning "unmatched_pass",
    UnreachableRule = Warning "unreachable_rule",
    UnguardedRule = Warning "unguarded_rule",
    Shadow = Warning "shadow",
    MemoryCounter = Warning "memory_counter",
    MixedModes = Warning "mixed_modes",
    Placeholder = Warning "placeholder",
}

impl FindingKind {
    /// Returns the kind of warning of that name.
    ///
    /// # Errors
    /// There is none; the message lists all.
    pub(super) fn warning(name: &str) -> Result<Self, String> {
        let warnings = || Self::ALL.iter().copied().filter(|kind| kind.level() == Level::Warning);
        if let Some(kind) = warnings().find(|kind| kind.as_str() == name) {
            return Ok(kind);
        }
        let names: Vec<&str> = warnings().map(Self::as_str).collect();
        let is_error = Self::ALL.iter().any(|kind| kind.as_str() == name);
        let problem = if is_error { "an error cannot be allowed" } else { "there is no such warning" };
        Err(format!("{problem}; the warnings are {}", names.join(", ")))
    }
}

/// A location in one of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Location {
    /// The index of the file.
    pub(super) file: usize,
    /// The location in the file, as [`crate::document::walk`] has it.
    pub(super) path: String,
    /// The location as it is shown: in the document, or in the resource.
    pub(super) shown: String,
}

/// A value of a file in which locations are relative.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base<'a> {
    /// The index of the file.
    pub(super) file: usize,
    /// The location of the value in the file.
    pub(super) location: &'a str,
}

impl Base<'_> {
    /// Returns the location of a path in this value.
    pub(super) fn at(self, path: &str) -> Location {
        let shown = shortened(path).to_owned();
        Location { file: self.file, path: member(self.location, path), shown }
    }
}

/// Returns the part of a path that says what it is about: in a document, the path in it; in a connection
/// manager of Envoy's own file, the path in that. The position of the finding says where it is.
fn shortened(path: &str) -> &str {
    for document in [".configuration.value.", ".filter_config.value."] {
        if let Some((_, inside)) = path.split_once(document) {
            return inside;
        }
    }
    let in_listener = path.split_once(".filter_chains[").map(|(_, inside)| inside);
    in_listener.and_then(|inside| inside.split_once(".typed_config.")).map_or(path, |(_, inside)| inside)
}

/// An error or a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) kind: FindingKind,
    pub(super) location: Location,
    /// The problem, and what to do about it.
    pub(super) text: String,
}

impl Finding {
    pub(super) fn new(kind: FindingKind, location: Location, text: impl Into<String>) -> Self {
        Finding { kind, location, text: text.into() }
    }

    /// Returns the error about a variable that a filter reads and does not get.
    pub(super) fn unseen(location: Location, variable: &str) -> Self {
        let text = format!(
            "the filter reads {variable} from the environment, and gets only the variables in this list: add {variable} to it"
        );
        Finding::new(FindingKind::MissingVariable, location, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_only_warnings_can_be_allowed() {
        for (index, kind) in FindingKind::ALL.iter().enumerate() {
            let others = FindingKind::ALL.iter().skip(index + 1);
            assert!(others.clone().all(|other| other.as_str() != kind.as_str()), "{kind:?}");
            let is_warning = kind.level() == Level::Warning;
            assert_eq!(FindingKind::warning(kind.as_str()).is_ok(), is_warning, "{kind:?}");
        }
        assert!(
            FindingKind::warning("x").unwrap_err().contains("no such warning; the warnings are filter_order")
        );
    }

    #[test]
    fn what_envoys_file_nests_is_shown_without_the_nesting() {
        let manager = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
        let document = format!("{manager}.http_filters[1].typed_config.config.configuration.value");
        let native = format!("{manager}.http_filters[1].typed_config.filter_config.value");
        let cases = [
            (format!("{manager}.use_remote_address"), "use_remote_address"),
            (format!("{manager}.http_filters[2]"), "http_filters[2]"),
            (format!("{document}.plan_gate.issuer"), "plan_gate.issuer"),
            (format!("{native}.plan_gate.issuer"), "plan_gate.issuer"),
            ("plan_gate.rules[0].limit".to_owned(), "plan_gate.rules[0].limit"),
            ("static_resources.clusters[0].name".to_owned(), "static_resources.clusters[0].name"),
        ];
        for (path, want) in cases {
            let location = Base { file: 0, location: "" }.at(&path);
            assert_eq!((location.shown.as_str(), location.path), (want, path));
        }
    }

    #[test]
    fn the_documentation_lists_every_name() {
        let path = format!("{}/../../docs/command.md", env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(path).unwrap();
        for kind in FindingKind::ALL {
            assert!(page.contains(&format!("| `{}` |", kind.as_str())), "docs/command.md: {}", kind.as_str());
        }
    }
}
