//! A Redis of our own, on a Unix socket: it takes no port, and keeps nothing on disk.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long it may take to listen.
const START_MAX: Duration = Duration::from_secs(30);
/// Between two looks whether it does.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A running `redis-server`. Dropping it kills it.
pub(crate) struct Redis {
    child: Child,
    pub(crate) socket: PathBuf,
    _dir: TempDir,
}

impl Redis {
    /// # Panics
    /// With the command to type, when there is none and it cannot be installed; or when it does not start.
    pub(crate) async fn start() -> Redis {
        let program = crate::machine::program("redis-server", "redis-server");
        let dir = TempDir::new().unwrap_or_else(|e| panic!("cannot create a temporary directory: {e}"));
        let socket = dir.path().join("redis");
        let mut command = Command::new(program);
        command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(&socket);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let redis = Redis { child, socket, _dir: dir };
        let deadline = Instant::now() + START_MAX;
        while UnixStream::connect(&redis.socket).is_err() {
            assert!(Instant::now() < deadline, "{command:?} does not listen after {START_MAX:?}");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        redis
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
