//! How long Envoy takes to load modules, by the timestamps in its log.

use super::{Standalone, Validation};
use std::time::Duration;

/// The number of measurements of each variant. The result is the median: other work on the machine only ever
/// adds time.
const RUNS: usize = 5;
/// The lines that Envoy logs before and after it creates the listener with its filters.
const BEFORE: &str = "loading 1 listener(s)";
const AFTER: &str = "loading stats configuration";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Returns what the plugin filters of `standalone` add to the loading of the listener: reading, compiling,
/// starting and configuring, on the main thread. It does not include that each worker thread then clones the
/// compiled module.
///
/// # Panics
/// If Envoy rejects the configuration, or its log does not contain the expected lines.
pub async fn load_time(standalone: &Standalone) -> Duration {
    let mut with = Vec::new();
    let mut without = Vec::new();
    // Alternating, so that other work on the machine affects both.
    for _ in 0..RUNS {
        with.push(listener_ms(&standalone.clone().validate().await));
        without.push(listener_ms(&standalone.clone().without_modules().validate().await));
    }
    Duration::from_millis(median(with).saturating_sub(median(without)))
}

fn listener_ms(validation: &Validation) -> u64 {
    assert!(
        validation.accepted,
        "Envoy rejects the configuration whose loading was to be measured\n{}",
        validation.log
    );
    let at = |text: &str| validation.log.lines().find(|line| line.contains(text)).and_then(time_of_day_ms);
    match (at(BEFORE), at(AFTER)) {
        (Some(before), Some(after)) => (after + DAY_MS - before) % DAY_MS,
        _ => panic!("Envoy's log has no lines {BEFORE:?} and {AFTER:?}\n{}", validation.log),
    }
}

/// Returns the time in `[2026-11-21 08:27:53.336][…`.
fn time_of_day_ms(line: &str) -> Option<u64> {
    let time = line.strip_prefix('[')?.split_once(']')?.0.split_once(' ')?.1;
    let (seconds, ms) = time.split_once('.')?;
    let of_day = seconds.split(':').try_fold(0, |sum, part| Some(sum * 60 + part.parse::<u64>().ok()?))?;
    Some(of_day * 1000 + ms.parse::<u64>().ok()?)
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_two_lines_is_correct_across_midnight() {
        let cases = [
            ("within a minute", "08:27:53.336", "08:27:53.395", 59),
            ("across an hour", "08:59:59.999", "09:00:00.001", 2),
            ("across midnight", "23:59:59.990", "00:00:00.010", 20),
        ];
        for (why, before, after, want) in cases {
            let log = format!(
                "[2026-11-21 {before}][1][info][config] [x.cc:1] {BEFORE}\nother\n[2026-11-22 {after}][1] {AFTER}\n"
            );
            assert_eq!(listener_ms(&Validation { accepted: true, log }), want, "{why}");
        }
    }
}
