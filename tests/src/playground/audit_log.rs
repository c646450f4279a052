//! The lines of the audit in Envoy's log.

use serde_json::{Value, json};

/// How a line of the audit begins, after Envoy's own prefix.
const AUDIT: &str = r#"{"audit":"#;

/// Returns the audit line at the end of a line of Envoy's log, with the time at which it was read (Unix
/// milliseconds).
pub(super) fn audit_event(line: &str, read_at_ms: i64) -> Option<Value> {
    let mut audit: Value = serde_json::from_str(&line[line.find(AUDIT)?..]).ok()?;
    audit["time"] = json!(read_at_ms);
    Some(audit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_the_audit_are_returned() {
        let prefix = "[2026-11-29 08:00:00.123][7][info][wasm] [source/extensions/common/wasm/context.cc:1] wasm log \
                      stripe_webhook stripe_webhook: ";
        let line = format!(r#"{prefix}{{"audit":"created","subject":"user_ada","new_plan":"pro"}}"#);
        let want = json!({"audit": "created", "subject": "user_ada", "new_plan": "pro", "time": 5});
        assert_eq!(audit_event(&line, 5), Some(want));
        for other in [prefix, r#"{"alarm":"no_subject"}"#, r#"x {"audit":"created""#] {
            assert_eq!(audit_event(other, 5), None, "{other}");
        }
    }
}
