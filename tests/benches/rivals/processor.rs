//! How much processor time threads have taken. Waiting for a processor is not in it, so neighbors disturb it
//! little.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// How the threads of Envoy that handle requests are named.
const ENVOY_WORKER: &str = "wrk:worker_";

/// A process whose time counts, or a part of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counted {
    /// The worker threads of an Envoy. Its main thread has work of its own, such as flushing statistics.
    EnvoyWorkers(u32),
    /// All threads of a process.
    Process(u32),
}

/// Returns what all of these have taken so far.
///
/// # Panics
/// If one has ended, or the system has no `/proc/<pid>/task/<tid>/schedstat` (Linux has).
pub(crate) fn taken(all: &[Counted]) -> Duration {
    all.iter().map(|counted| taken_by(*counted)).sum()
}

fn taken_by(counted: Counted) -> Duration {
    let (Counted::EnvoyWorkers(process) | Counted::Process(process)) = counted;
    let tasks = format!("/proc/{process}/task");
    let threads = fs::read_dir(&tasks).unwrap_or_else(|e| panic!("cannot read {tasks}: {e}"));
    let nanoseconds = threads.filter_map(|thread| {
        // A thread may end between the two looks.
        let thread = thread.ok()?.path();
        counted.includes(&thread).then(|| of_thread(&thread))?
    });
    Duration::from_nanos(nanoseconds.sum())
}

impl Counted {
    fn includes(self, thread: &Path) -> bool {
        match self {
            Counted::EnvoyWorkers(_) => {
                fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.starts_with(ENVOY_WORKER))
            }
            Counted::Process(_) => true,
        }
    }
}

/// Returns the first number of the thread's schedstat: nanoseconds on a processor.
fn of_thread(thread: &Path) -> Option<u64> {
    fs::read_to_string(thread.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
}
