//! What pages say in words about measured figures: it follows from the tables of the benchmarks, and the limits
//! of the attack test are those of the code.

use std::collections::BTreeMap;
use tollgate_tests::hostile::{MEMORY_MAX, Phase};
use tollgate_tests::install::workspace;

const BENCHMARKS: &str = "docs/benchmarks.md";
/// How far a rounded ratio in a sentence may be from the measured one.
const ROUNDING: f64 = 0.05;

/// The page, the words, the two candidates, and the ratio of their costs that the words state.
const STATEMENTS: [(&str, &str, &str, &str, f64); 17] = [
    (BENCHMARKS, "the gate costs three times as much as the `native` filters", "gate", "native", 3.0),
    (BENCHMARKS, "and twice as much as `native-metadata`", "gate", "native-metadata", 2.0),
    (BENCHMARKS, "a fifth is saved", "gate-quiet", "gate", 0.8),
    (
        BENCHMARKS,
        "A token never seen costs 1.4 times as much as `jwt_authn`",
        "gate-new-token",
        "jwt_authn",
        1.4,
    ),
    (
        BENCHMARKS,
        "A refusal with 429 costs a tenth more than a permitted request",
        "gate-refusal",
        "gate",
        1.1,
    ),
    (
        BENCHMARKS,
        "100 KB costs 1.1 times as much as in a Python service",
        "forged-100k",
        "fastapi-forged-100k",
        1.1,
    ),
    (BENCHMARKS, "a 36th of the Python service's time", "fastapi-sync", "sync", 36.0),
    (BENCHMARKS, "costs half of the Wasm build (0.47)", "gate@native", "gate", 0.47),
    (BENCHMARKS, "1.3 times as much as `native`", "gate@native", "native", 1.3),
    (BENCHMARKS, "less than `native-metadata` (0.91)", "gate@native", "native-metadata", 0.91),
    (BENCHMARKS, "it costs 0.61 of the Wasm build", "gate-new-token@native", "gate-new-token", 0.61),
    (BENCHMARKS, "and 0.86 of `jwt_authn`", "gate-new-token@native", "jwt_authn", 0.86),
    (BENCHMARKS, "a third of the Wasm build's time (0.32)", "forged-100k@native", "forged-100k", 0.32),
    (BENCHMARKS, "0.37 of the Python service's", "forged-100k@native", "fastapi-forged-100k", 0.37),
    ("docs/native.md", "about half (0.47) of the processor time", "gate@native", "gate", 0.47),
    ("docs/comparison.md", "a third of the processor time of Tollgate's Wasm gate", "native", "gate", 0.33),
    ("docs/comparison.md", "three quarters of that of its native build", "native", "gate@native", 0.75),
];

/// The tables of the benchmarks.
struct Tables {
    /// The median cost of each candidate, in microseconds.
    medians: BTreeMap<String, f64>,
    /// The measured ratios of the targets: of a candidate to a reference.
    targets: BTreeMap<(String, String), f64>,
}

impl Tables {
    fn read() -> Tables {
        let (mut medians, mut targets) = (BTreeMap::new(), BTreeMap::new());
        let page = workspace::text(BENCHMARKS);
        for line in page.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<_> = line.trim_matches(['|', ' ']).split(" | ").collect();
            let name = cells[0].trim_matches('`').to_owned();
            let number = |cell: &str| cell.split(' ').next().and_then(|number| number.parse::<f64>().ok());
            match cells[..] {
                [_, _, cost] => medians.extend(number(cost).map(|cost| (name, cost))),
                [_, at_most, measured, ..] => {
                    let (_, reference) = at_most.split_once(" × ").expect("a reference");
                    let ratio = number(measured).expect("a ratio");
                    targets.insert((name, reference.trim_matches('`').to_owned()), ratio);
                }
                _ => {}
            }
        }
        Tables { medians, targets }
    }

    /// Returns the ratio of two candidates: of the medians in one run if it is a target, otherwise of the
    /// medians of all runs.
    fn ratio(&self, candidate: &str, reference: &str) -> f64 {
        let target = |a: &str, b: &str| self.targets.get(&(a.to_owned(), b.to_owned()));
        let median = |name: &str| self.medians.get(name).unwrap_or_else(|| panic!("no row {name}"));
        target(candidate, reference)
            .copied()
            .or_else(|| target(reference, candidate).map(|ratio| 1.0 / ratio))
            .unwrap_or_else(|| median(candidate) / median(reference))
    }
}

#[test]
fn sentences_about_costs_follow_from_the_tables() {
    let tables = Tables::read();
    assert!(tables.medians.len() > 25 && tables.targets.len() == 9, "not all rows were found");
    for (page, words, candidate, reference, stated) in STATEMENTS {
        let text = workspace::text(page).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(words), "{page} does not say {words:?}");
        let measured = tables.ratio(candidate, reference);
        assert!((measured / stated - 1.0).abs() <= ROUNDING, "{page}: {words:?}: measured is {measured}");
    }
}

#[test]
fn the_page_about_attacks_has_the_limits_and_phases_of_the_code() {
    let page = workspace::text("docs/hostile.md");
    let limit = format!("Envoy uses at most {} MB", MEMORY_MAX / 1_000_000);
    assert!(page.contains(&limit), "the page does not say {limit:?}");
    let (_, table) = page.split_once("| phase | attacks |\n|---|---|\n").expect("the table");
    let rows = table.lines().take_while(|line| line.starts_with("| ")).count();
    assert_eq!(rows, Phase::ALL.len());
}
