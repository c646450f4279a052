//! How much processor time a process has taken. Waiting for a processor is not in it, so neighbours disturb it little.

use std::fs;
use std::time::Duration;

/// What all threads of these processes have taken so far.
///
/// # Panics
/// When one has ended, or the system has no `/proc/<pid>/task/<tid>/schedstat` (Linux has).
pub(crate) fn taken(processes: &[u32]) -> Duration {
    processes.iter().map(|process| of_process(*process)).sum()
}

fn of_process(process: u32) -> Duration {
    let tasks = format!("/proc/{process}/task");
    let threads = fs::read_dir(&tasks).unwrap_or_else(|e| panic!("cannot read {tasks}: {e}"));
    let nanoseconds = threads.filter_map(|thread| {
        // A thread may end between the two looks.
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}
