//! A real Redis: Debian's `redis-server`, in memory, on a free port.

use crate::install::debian;
use crate::processes::ports;
use crate::processes::process::Process;
use std::net::SocketAddr;
use std::process::Command;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A running Redis. It ends when dropped.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    address: SocketAddr,
}

impl Redis {
    /// Starts one on a free port, and waits until it answers. Installs it where it is missing.
    ///
    /// # Panics
    /// With what to do, when it cannot be installed; with what it said, when it does not start.
    pub async fn start() -> Redis {
        let [address] = ports::free();
        let mut redis = Redis { process: None, address };
        redis.resume().await;
        redis
    }

    /// Kills it at once (SIGKILL): what it knew is lost.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the one that was killed, at the same address.
    ///
    /// # Panics
    /// With what it said, when it does not start.
    pub async fn resume(&mut self) {
        let mut command = Command::new(debian::program("redis-server", "redis-server"));
        let port = self.address.port().to_string();
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"]);
        let mut process = Process::spawn("redis-server", command);
        let address = self.address;
        process.ready(async |_| (command_at(address, &["PING"]).await? == "+PONG").then_some(())).await;
        self.process = Some(process);
    }

    /// The process, as the system numbers it, if it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a command and returns its answer as the protocol (RESP) has it: `+OK`, `:12`, or a list's many lines.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn command(&self, words: &[&str]) -> String {
        command_at(self.address, words).await.unwrap_or_else(|| panic!("Redis does not answer {words:?}"))
    }

    /// The names of all keys.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn keys(&self) -> Vec<String> {
        let list = self.command(&["KEYS", "*"]).await;
        list.lines().filter(|line| !line.starts_with(['*', '$'])).map(str::to_owned).collect()
    }
}

/// Sends a command and then `QUIT`, so that the answer ends with the connection.
async fn command_at(address: SocketAddr, words: &[&str]) -> Option<String> {
    let mut message = format!("*{}\r\n", words.len());
    for word in words {
        message.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    message.push_str("*1\r\n$4\r\nQUIT\r\n");
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(message.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.strip_suffix("\r\n+OK\r\n").or(answer.strip_suffix("+OK\r\n")).map(str::to_owned)
}
