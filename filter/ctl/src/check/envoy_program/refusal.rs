//! What Envoy logs about a configuration that it does not understand.

/// The end of the log about a configuration that Envoy has read completely: then it checks the ranges, and
/// [`super::fields`] has put a value out of its range.
const COMPLETE: &str = "BootstrapValidationError.StatsFlushInterval";
/// What precedes each of the reasons why Envoy cannot read a configuration.
const REASON: &str = "INVALID_ARGUMENT: ";

/// The reason why Envoy cannot read a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It does not know a field. `path` is that of the object, in Envoy's form.
    Field { path: String, name: String },
    /// It does not know a type, which is mostly that of an extension.
    Type { name: String },
    /// It does not know a value of an enumeration.
    Value { name: String },
    /// Another reason, in Envoy's words, with the path.
    Other { path: String, reason: String },
}

/// Returns why Envoy cannot read a configuration, or that it can.
///
/// # Errors
/// The log is not that of an Envoy that has read it.
pub(super) fn in_log(log: &str) -> Result<Option<Refusal>, UnclearLogError> {
    // Envoy adds blanks at random, so that nobody compares such messages.
    let words: Vec<&str> = log.split_whitespace().collect();
    let log = words.join(" ");
    if log.contains(COMPLETE) {
        return Ok(None);
    }
    let (_, reason) = log.split_once(REASON).ok_or(UnclearLogError)?;
    let quoted = |before: &str| {
        let (_, after) = reason.split_once(before)?;
        Some(after.split('\'').next()?.to_owned())
    };
    let path = reason.split_once(" @ ").and_then(|(_, after)| after.split(':').next()).unwrap_or_default();
    let path = path.to_owned();
    if let Some(name) = quoted("no such field: '") {
        return Ok(Some(Refusal::Field { path, name }));
    }
    if let Some(name) = quoted("could not find @type '") {
        return Ok(Some(Refusal::Type { name }));
    }
    if let Some(name) = quoted("unknown enum value: '") {
        return Ok(Some(Refusal::Value { name }));
    }
    // What follows is the configuration, which can contain keys.
    let reason = reason.split("): {").next().unwrap_or_default().trim_end_matches(')');
    Ok(Some(Refusal::Other { path, reason: reason.to_owned() }))
}

/// The log is not that of an Envoy that has read a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnclearLogError;

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of Envoy 1.36.4, 1.38.3, and 1.40.0, without their beginnings.
    const FIELD: &str = "Protobuf message (type envoy.config.bootstrap.v3.Bootstrap reason INVALID_ARGUMENT: invalid \
        JSON  in   envoy.config.bootstrap.v3.Bootstrap @ static_resources.clusters[0].typed_extension_protocol_options[0].\
        <any>.http_filters[0].typed_config.<any>.credential.typed_config.<any>:   message envoy.extensions.http.\
        injected_credentials.generic.v3.Generic, near   1:478 (offset 477):  no such  field: 'header_value_prefix') has \
        unknown fields";
    const AT_ROOT: &str = "Protobuf message (type envoy.config.bootstrap.v3.Bootstrap reason INVALID_ARGUMENT: invalid \
        JSON in envoy.config.bootstrap.v3.Bootstrap,  near 1:40 (offset   39): no such field:   'color') has unknown fields";
    const TYPE: &str = "Unable to parse JSON as proto (INVALID_ARGUMENT: could not find @type 'type.googleapis.com/envoy.\
        extensions.filters.http.ai_protocol_manager.v3.AiProtocolManager'): {\"static_resources\":{}}";
    const VALUE: &str = "Protobuf message (type envoy.config.bootstrap.v3.Bootstrap reason INVALID_ARGUMENT: unknown enum \
        value: 'NOPE') has unknown fields";
    const DURATION: &str = "Unable to parse JSON as proto (INVALID_ARGUMENT: invalid JSON  in envoy.config.bootstrap.v3.\
        Bootstrap @ static_resources.clusters[0].connect_timeout: message  google.protobuf.Duration,  near 1:53 (offset  \
        52): duration   must start  with an integer): {\"static_resources\":{\"clusters\":[{\"connect_timeout\":\"nope\"}]}}";
    const READ: &str = "goo.gle/debugonly\nstats_flush_interval {\n  seconds: 400\n}\n: Proto constraint validation failed \
        (BootstrapValidationError.StatsFlushInterval: value must be inside range [1ms, 5m0s))";

    #[test]
    fn the_reason_is_read_from_envoys_log() {
        let field = |path: &str, name: &str| Refusal::Field { path: path.to_owned(), name: name.to_owned() };
        let injector = "static_resources.clusters[0].typed_extension_protocol_options[0].<any>.http_filters[0].\
                        typed_config.<any>.credential.typed_config.<any>";
        let manager =
            "type.googleapis.com/envoy.extensions.filters.http.ai_protocol_manager.v3.AiProtocolManager";
        let cases = [
            (FIELD, Some(field(injector, "header_value_prefix"))),
            (AT_ROOT, Some(field("", "color"))),
            (TYPE, Some(Refusal::Type { name: manager.to_owned() })),
            (VALUE, Some(Refusal::Value { name: "NOPE".to_owned() })),
            (READ, None),
        ];
        for (log, want) in cases {
            assert_eq!(in_log(log), Ok(want), "{log}");
        }
        assert_eq!(in_log("bash: --mode: invalid option"), Err(UnclearLogError));
    }

    #[test]
    fn another_reason_is_shown_without_the_configuration() {
        let Ok(Some(Refusal::Other { path, reason })) = in_log(DURATION) else { panic!() };
        assert_eq!(path, "static_resources.clusters[0].connect_timeout");
        assert!(reason.ends_with("duration must start with an integer"), "{reason}");
    }
}
