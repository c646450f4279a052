//! The output of `tollgate doctor`: a line for each check, or one JSON object.

use crate::terminal::{self, ERROR, NOTE, counted, styled};
use anstyle::{AnsiColor, Style};
use serde_json::json;
use tollgate_core::inspection::{CheckLevel, CheckResult};

/// The style of a warning.
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Prints the results.
pub(super) fn print(results: &[CheckResult], as_json: bool) {
    terminal::print(&if as_json { as_json_text(results) } else { as_lines(results) });
}

fn style(level: CheckLevel) -> Style {
    match level {
        CheckLevel::Ok => NOTE,
        CheckLevel::Warning => WARNING,
        CheckLevel::Problem => ERROR,
    }
}

fn as_json_text(results: &[CheckResult]) -> String {
    let check = |result: &CheckResult| {
        let CheckResult { name, level, detail, cure } = result;
        json!({"name": name.as_str(), "level": level.as_str(), "detail": detail, "cure": cure})
    };
    let checks: Vec<_> = results.iter().map(check).collect();
    format!("{:#}\n", json!({"checks": checks}))
}

fn as_lines(results: &[CheckResult]) -> String {
    let mut text = String::new();
    for CheckResult { name, level, detail, cure } in results {
        let fix = if cure.is_empty() { String::new() } else { format!("; to fix it: {cure}") };
        let (level, name) = (styled(style(*level), format!("{:8}", level.as_str())), name.as_str());
        text.push_str(&format!("{level} {name}: {detail}{fix}\n"));
    }
    let of = |level| results.iter().filter(|result| result.level == level).count();
    let (problems, warnings) = (of(CheckLevel::Problem), of(CheckLevel::Warning));
    let [checks, problems, warnings] =
        [(results.len(), "check"), (problems, "problem"), (warnings, "warning")]
            .map(|(number, thing)| counted(number, thing));
    text.push_str(&format!("{checks}: {problems}, {warnings}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::inspection::CheckName;

    #[test]
    fn a_result_is_a_line_or_an_object() {
        let result = |level, cure: &str| CheckResult {
            name: CheckName::PricesExist,
            level,
            detail: "one is missing".to_owned(),
            cure: cure.to_owned(),
        };
        let results = [result(CheckLevel::Ok, ""), result(CheckLevel::Problem, "add it")];
        let lines = "ok       prices_exist: one is missing\n\
                     problem  prices_exist: one is missing; to fix it: add it\n\
                     2 checks: 1 problem, no warnings\n";
        assert_eq!(anstream::adapter::strip_str(&as_lines(&results)).to_string(), lines);
        let written: serde_json::Value = serde_json::from_str(&as_json_text(&results)).unwrap();
        let object =
            json!({"name": "prices_exist", "level": "problem", "detail": "one is missing", "cure": "add it"});
        assert_eq!(written["checks"][1], object);
    }
}
