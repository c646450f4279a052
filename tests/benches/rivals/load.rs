//! Load, by `wrk`: one thread, requests made before.

use crate::candidates::Candidate;
use crate::processor;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use tokio::process::Command;
use tollgate_tests::debian;
use tollgate_tests::wire::exchange;
use tollgate_tests::workspace;

/// How many connections are open at once.
const CONNECTIONS: &str = "16";

/// A `wrk` that is there.
pub(crate) struct Load {
    program: PathBuf,
}

/// What came of a few seconds of load.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) requests: u64,
    duration_us: u64,
    /// Answers of 400 and more.
    refused: u64,
    /// Connections that failed, and requests that got no answer.
    broken: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    /// What all requests together took of the processor, in the gateway and the services that it asks.
    #[serde(default)]
    processor_ns: u64,
}

impl Run {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 * 1e6 / self.duration_us as f64
    }

    /// What a request took of the processor, in microseconds.
    pub(crate) fn processor_us(&self) -> f64 {
        self.processor_ns as f64 / 1e3 / self.requests as f64
    }
}

impl Load {
    /// Finds `wrk`, or installs it where that is allowed.
    ///
    /// # Panics
    /// With the command to type, when there is none and it cannot be installed.
    pub(crate) fn obtain() -> Load {
        Load { program: debian::program("wrk", "wrk") }
    }

    /// Load on a candidate, of which the answer is looked at first.
    ///
    /// # Panics
    /// When it does not answer as it should, or a request got no answer.
    pub(crate) async fn run(&self, candidate: &Candidate, seconds: u32) -> Run {
        let requests = candidate.requests.now();
        candidate.look(exchange(candidate.address, &requests.probe).await);
        let passed_over = candidate.sent.load(Ordering::Relaxed);
        let before = processor::taken(&candidate.processes);
        let mut wrk = Command::new(&self.program);
        wrk.args(["--threads", "1", "--connections", CONNECTIONS, "--latency", "--timeout", "10s"]);
        wrk.args(["--duration", &format!("{seconds}s")]).arg("--script");
        wrk.arg(workspace::file("tests/benches/rivals/turns.lua"));
        wrk.arg(format!("http://{}/", candidate.address)).arg("--").arg(&requests.file);
        wrk.arg(passed_over.to_string()).stdin(Stdio::null()).kill_on_drop(true);
        let out = wrk.output().await.unwrap_or_else(|e| panic!("cannot start {wrk:?}: {e}"));
        let after = processor::taken(&candidate.processes);
        let text = String::from_utf8_lossy(&out.stdout);
        let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_default();
        let mut run: Run = serde_json::from_str(line)
            .unwrap_or_else(|e| panic!("{wrk:?}: {e}\n{text}{}", String::from_utf8_lossy(&out.stderr)));
        run.processor_ns = u64::try_from((after - before).as_nanos()).unwrap_or(u64::MAX);
        candidate.sent.fetch_add(run.requests, Ordering::Relaxed);
        let warming_up = passed_over == 0;
        let should_be_refused = if candidate.status >= 400 { run.requests } else { 0 };
        let name = candidate.name;
        assert!(run.requests > 0 && run.broken == 0, "{name}: requests without an answer: {run:?}");
        assert!(
            warming_up || run.refused == should_be_refused,
            "{name} should always answer {}: {run:?}",
            candidate.status
        );
        run
    }
}
