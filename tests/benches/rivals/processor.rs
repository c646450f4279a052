//! The processor time of threads. It does not include waiting for a processor, so other processes affect it
//! little.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// The name prefix of the threads of Envoy that process requests.
const ENVOY_WORKER: &str = "wrk:worker_";

/// A process, or the part of it, whose time is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counted {
    /// The worker threads of an Envoy. Its main thread does other work, such as flushing statistics.
    EnvoyWorkers(u32),
    /// All threads of a process.
    Process(u32),
}

/// Returns the total processor time of these processes so far.
///
/// # Panics
/// If one has ended, or if the system is not Linux, which has `/proc/<pid>/task/<tid>/schedstat`.
pub(crate) fn taken(all: &[Counted]) -> Duration {
    all.iter().map(|counted| taken_by(*counted)).sum()
}

fn taken_by(counted: Counted) -> Duration {
    let (Counted::EnvoyWorkers(process) | Counted::Process(process)) = counted;
    let tasks = format!("/proc/{process}/task");
    let threads = fs::read_dir(&tasks).unwrap_or_else(|e| panic!("cannot read {tasks}: {e}"));
    let nanoseconds = threads.filter_map(|thread| {
        // A thread may end after it was listed.
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
