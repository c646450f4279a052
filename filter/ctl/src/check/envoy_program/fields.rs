//! The fields and extensions of a configuration that an Envoy does not know, because it is older than the
//! configuration, or was built without them.

use super::EnvoyProgram;
use super::place::{Place, outermost};
use super::refusal::{Refusal, in_log};
use crate::check::finding::{Base, Finding, FindingKind};
use serde_json::{Value, json};

/// The maximum number of refusals of one configuration that are reported: Envoy names one at a time.
const REFUSALS_MAX: usize = 8;
/// What the shipped files use and some Envoy does not know, with the first minor version 1.x that does.
const SINCE: [(&str, u32); 4] = [
    ("allow_on_headers_stop_iteration", 36),
    ("header_value_prefix", 37),
    ("module", 38),
    ("envoy.extensions.filters.http.ai_protocol_manager.v3.AiProtocolManager", 40),
];
/// The prefix of the name of a type in a configuration.
const TYPE_PREFIX: &str = "type.googleapis.com/";

/// Returns what the program does not understand in a value of a file.
pub(super) fn findings(program: &EnvoyProgram, base: Base<'_>, value: &Value) -> Vec<Finding> {
    let Some(mut tried) = TriedConfig::of(value) else { return Vec::new() };
    let mut findings = Vec::new();
    for _ in 0..REFUSALS_MAX {
        let refusal = match program.log_of(&tried.config).map(|log| in_log(&log)) {
            Ok(Ok(None)) => break,
            Ok(Ok(Some(refusal))) => refusal,
            Ok(Err(_)) => {
                let text = format!("{}: it does not answer as Envoy does when it reads a file", program.file);
                findings.push(Finding::new(FindingKind::NotEnvoy, base.at(""), text));
                break;
            }
            Err(error) => {
                let text = format!("{}: {error}", program.file);
                findings.push(Finding::new(FindingKind::NotEnvoy, base.at(""), text));
                break;
            }
        };
        let place = tried.place(&refusal);
        let location = base.at(&tried.location_in_file(&place));
        findings.push(Finding::new(FindingKind::RefusedByEnvoy, location, text(program, &refusal)));
        if !tried.remove(&refusal, &place) {
            break;
        }
    }
    findings
}

/// Returns the text about a refusal.
fn text(program: &EnvoyProgram, refusal: &Refusal) -> String {
    let (what, name) = match refusal {
        Refusal::Field { name, .. } => ("field", name.as_str()),
        Refusal::Type { name } => ("type", name.strip_prefix(TYPE_PREFIX).unwrap_or(name)),
        Refusal::Value { name } => ("value", name.as_str()),
        Refusal::Other { reason, .. } => return format!("{program} refuses the file: {reason}"),
    };
    let since = SINCE.iter().find(|(known, minor)| *known == name && *minor > program.version.minor);
    let cure = match since {
        Some((_, minor)) => format!("it came with Envoy 1.{minor}; use that version or a later one"),
        None => "it is misspelled, or this Envoy is older or was built without it".to_owned(),
    };
    format!("{program} does not know the {what} `{name}`: {cure}")
}

/// A configuration that Envoy reads, and then refuses before it loads, opens, or calls anything.
#[derive(Debug)]
struct TriedConfig {
    config: Value,
    /// Where the extensions in it are in the file. Empty if the configuration is the file's own.
    places: Vec<Place>,
}

impl TriedConfig {
    /// Returns the configuration that has everything of Envoy's in a value: all of it, or the typed parts of a
    /// resource. None if there is nothing.
    fn of(value: &Value) -> Option<Self> {
        let is_bootstrap = value.get("static_resources").or(value.get("dynamic_resources")).is_some();
        let (mut config, places) = if is_bootstrap { (value.clone(), Vec::new()) } else { of_parts(value)? };
        // Out of its range. Envoy checks the ranges after it has read everything.
        config.as_object_mut()?.insert("stats_flush_interval".to_owned(), json!("400s"));
        Some(TriedConfig { config, places })
    }

    /// Returns the place in the configuration that a refusal is about.
    fn place(&self, refusal: &Refusal) -> Place {
        let first = |wanted: &dyn Fn(&Value) -> bool| {
            outermost(&self.config, wanted).into_iter().next().map(|(place, _)| place)
        };
        let found = match refusal {
            Refusal::Field { path, name } => {
                Place::of_path(&self.config, path).map(|object| object.member(name))
            }
            Refusal::Type { name } => first(&|value| value.get("@type").is_some_and(|of| *of == **name)),
            Refusal::Value { name } => first(&|value| *value == **name),
            Refusal::Other { path, .. } => Place::of_path(&self.config, path),
        };
        found.unwrap_or_default()
    }

    /// Returns the location in the file of a place in the configuration.
    fn location_in_file(&self, place: &Place) -> String {
        let of_part = self.places.iter().enumerate().find_map(|(number, part)| {
            let rest =
                place.location.strip_prefix(&format!("bootstrap_extensions[{number}].typed_config"))?;
            Some(format!("{}{rest}", part.location))
        });
        match of_part {
            Some(location) => location,
            None if self.places.is_empty() => place.location.clone(),
            None => String::new(),
        }
    }

    /// Removes what Envoy refused, so that it goes on to the next. Returns false if that is not possible.
    fn remove(&mut self, refusal: &Refusal, place: &Place) -> bool {
        match refusal {
            Refusal::Field { path, name } => {
                let object = Place::of_path(&self.config, path);
                let object = object.and_then(|object| object.value_in(&mut self.config)?.as_object_mut());
                object.is_some_and(|object| object.remove(name).is_some())
            }
            Refusal::Type { .. } => match place.value_in(&mut self.config) {
                Some(extension) if extension.get("@type").is_some() => {
                    *extension = json!({"@type": "type.googleapis.com/google.protobuf.Empty"});
                    true
                }
                _ => false,
            },
            Refusal::Value { .. } | Refusal::Other { .. } => false,
        }
    }
}

/// Returns a configuration of the typed parts of a value, and where they are.
fn of_parts(value: &Value) -> Option<(Value, Vec<Place>)> {
    let is_typed = |value: &Value| value.get("@type").is_some_and(Value::is_string);
    let parts = outermost(value, &is_typed);
    if parts.is_empty() {
        return None;
    }
    let extension = |part: &Value| json!({"name": "part", "typed_config": part});
    let extensions: Vec<Value> = parts.iter().map(|(_, part)| extension(part)).collect();
    let places = parts.into_iter().map(|(place, _)| place).collect();
    Some((json!({"bootstrap_extensions": extensions}), places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_field_is_found_in_the_file_and_removed() {
        let patch = json!({"spec": {"patches": [{"value": {"@type": "a", "list": [{"color": "blue"}]}}]}});
        let mut tried = TriedConfig::of(&patch).unwrap();
        let path = "bootstrap_extensions[0].typed_config.<any>.list[0]".to_owned();
        let refusal = Refusal::Field { path, name: "color".to_owned() };
        let place = tried.place(&refusal);
        assert_eq!(tried.location_in_file(&place), "spec.patches[0].value.list[0].color");
        assert!(tried.remove(&refusal, &place));
        assert!(!tried.config.to_string().contains("color"));
        assert!(!tried.remove(&refusal, &place), "it is not there any more");
    }

    #[test]
    fn an_unknown_extension_is_replaced_by_one_that_every_envoy_knows() {
        let file = json!({"static_resources": {"listeners": [{"x": {"@type": "b", "deep": 1}}]}});
        let mut tried = TriedConfig::of(&file).unwrap();
        let refusal = Refusal::Type { name: "b".to_owned() };
        let place = tried.place(&refusal);
        assert_eq!(tried.location_in_file(&place), "static_resources.listeners[0].x");
        assert!(tried.remove(&refusal, &place));
        assert!(!tried.config.to_string().contains("deep"));
    }

    #[test]
    fn a_document_alone_has_nothing_of_envoys() {
        assert!(TriedConfig::of(&json!({"plans": [], "plan_gate": {}})).is_none());
    }
}
