//! The files from which Envoy reads an API key (SDS): their shape, and never their contents in a message.

use crate::check::at;
use crate::check::finding::{Finding, FindingKind};
use crate::check::input::file::CheckedFile;
use crate::document;
use serde_json::Value;

/// The type of a secret.
const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
/// Where Envoy reads the value of a secret from: one of these.
const SOURCES: [&str; 4] = ["inline_string", "inline_bytes", "filename", "environment_variable"];

/// The maximum length of a key. Stripe's and Clerk's have about 100 characters.
const KEY_BYTES_MAX: usize = 512;

/// Returns whether a value is, or was meant as, a file with a key: it contains a secret that is not for TLS, and
/// it is neither Envoy's own file nor a Kubernetes resource.
pub(in crate::check) fn is_key_file(value: &Value) -> bool {
    let mut has_secret = false;
    document::walk(value, "", &mut |_, found| {
        has_secret |=
            (found.get("generic_secret").is_some() || at(found, "/@type") == SECRET) && !is_for_tls(found);
        true
    });
    has_secret && ["static_resources", "kind", "items"].iter().all(|name| value.get(name).is_none())
}

/// Returns whether a secret is a certificate, or what verifies one.
fn is_for_tls(secret: &Value) -> bool {
    ["/tls_certificate/private_key", "/tls_certificate/certificate_chain", "/validation_context/trusted_ca"]
        .iter()
        .any(|pointer| secret.pointer(pointer).is_some())
}

/// Returns the names under which a configuration reads keys from files.
pub(in crate::check) fn read_names(value: &Value) -> Vec<String> {
    names_where(value, &|_| true)
}

/// Returns the names under which a configuration reads keys from this file.
pub(in crate::check) fn names_in_file(value: &Value, file: &str) -> Vec<String> {
    names_where(value, &|secret| *at(secret, "/sds_config/path_config_source/path") == *file)
}

/// Returns the names of the secrets that are added to requests, and are wanted.
fn names_where(value: &Value, is_wanted: &dyn Fn(&Value) -> bool) -> Vec<String> {
    let mut names = Vec::new();
    document::walk(value, "", &mut |location, found| {
        let is_credential = location.ends_with(".credential") && found.get("sds_config").is_some();
        if is_credential && is_wanted(found) {
            names.extend(found["name"].as_str().map(str::to_owned));
        }
        true
    });
    names
}

/// Returns the errors of a file with keys. `names` are those that the other files read; none if there are no
/// other files.
pub(in crate::check) fn findings(file: &CheckedFile, names: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for found in &file.contents.values {
        findings.extend(problems(&found.value, names).into_iter().map(|(path, text)| {
            Finding::new(FindingKind::InvalidKeyFile, file.base(&found.location).at(&path), text)
        }));
    }
    findings
}

/// Returns the problems of one value, with their paths.
pub(in crate::check) fn problems(value: &Value, names: &[String]) -> Vec<(String, String)> {
    let Some(resources) = value["resources"].as_array() else {
        let text = "Envoy reads a list `resources` of secrets; take secrets/*.yaml.example as a pattern";
        return vec![("resources".to_owned(), text.to_owned())];
    };
    let mut problems = Vec::new();
    if resources.len() != 1 {
        let text = format!("it has {} secrets, and Envoy reads one from each file", resources.len());
        problems.push(("resources".to_owned(), text));
    }
    for (number, resource) in resources.iter().enumerate() {
        let mut add = |path: &str, text: String| problems.push((format!("resources[{number}]{path}"), text));
        if resource["@type"] != SECRET {
            add(".@type", format!("write {SECRET}"));
        }
        match resource["name"].as_str() {
            Some(name) if names.is_empty() || names.iter().any(|read| read == name) => {}
            _ if names.is_empty() => add(".name", "missing: the name that `sds_config` reads".to_owned()),
            _ => add(".name", format!("the configuration reads {}", names.join(", "))),
        }
        let secret = at(resource, "/generic_secret/secret");
        match SOURCES.iter().filter(|source| secret[**source].is_string()).count() {
            1 => {}
            0 => {
                let text = "write `secret: {inline_string: KEY}`: a text, in quotation marks if it does not begin with a letter";
                add(".generic_secret.secret", text.to_owned());
            }
            _ => add(".generic_secret.secret", format!("write only one of {}", SOURCES.join(", "))),
        }
        if let Some(problem) = secret["inline_string"].as_str().and_then(key_problem) {
            add(".generic_secret.secret.inline_string", problem.to_owned());
        }
    }
    problems
}

/// Returns what is wrong with a key, without the key.
pub(crate) fn key_problem(key: &str) -> Option<&'static str> {
    if key.starts_with("Bearer") {
        return Some("write the key alone: `header_value_prefix` adds \"Bearer \"");
    }
    if key.starts_with("whsec_") {
        return Some(
            "this is the signing secret of a webhook; write an API key, which begins with sk_ or rk_",
        );
    }
    if key.starts_with("pk_") {
        return Some("this is a publishable key; write the secret one, which begins with sk_ or rk_");
    }
    if !key.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character)) {
        return Some(
            "a key has letters, digits, and underscores only: there is a blank, a line break, or a quotation mark",
        );
    }
    let Some(rest) = ["sk_", "rk_"].iter().find_map(|prefix| key.strip_prefix(prefix)) else {
        return Some("an API key of Stripe or Clerk begins with sk_ or rk_");
    };
    let own = ["live_", "test_"].iter().find_map(|mode| rest.strip_prefix(mode)).unwrap_or(rest);
    if own.is_empty() {
        return Some("only the beginning of a key is there: copy all of it");
    }
    (key.len() > KEY_BYTES_MAX).then_some("it is longer than a key can be: copy the key alone")
}
