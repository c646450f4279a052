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
    /// Starts one on a free port and waits until it responds. Installs it if it is missing.
    ///
    /// # Panics
    /// If it cannot be installed, with what to do; if it does not start, with its output.
    pub async fn start() -> Redis {
        let [address] = ports::free();
        let mut redis = Redis { process: None, address };
        redis.resume().await;
        redis
    }

    /// Kills it at once (SIGKILL): its data are lost.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the one that was killed, at the same address.
    ///
    /// # Panics
    /// If it does not start, with its output.
    pub async fn resume(&mut self) {
        let mut command = Command::new(debian::program("redis-server", "redis-server"));
        let port = self.address.port().to_string();
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"]);
        let mut process = Process::spawn("redis-server", command);
        let address = self.address;
        process.ready(async |_| (command_at(address, &["PING"]).await? == "+PONG").then_some(())).await;
        self.process = Some(process);
    }

    /// Returns the process ID, if it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Returns the address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a command and returns the response in the protocol's form (RESP): `+OK`, `:12`, or the lines of
    /// a list.
    ///
    /// # Panics
    /// If it does not respond.
    pub async fn command(&self, words: &[&str]) -> String {
        command_at(self.address, words).await.unwrap_or_else(|| panic!("Redis does not respond to {words:?}"))
    }

    /// Returns the names of all keys.
    ///
    /// # Panics
    /// If it does not respond.
    pub async fn keys(&self) -> Vec<String> {
        let list = self.command(&["KEYS", "*"]).await;
        list.lines().filter(|line| !line.starts_with(['*', '$'])).map(str::to_owned).collect()
    }
}

/// Sends a command and then `QUIT`, so that the response ends with the connection.
async fn command_at(address: SocketAddr, words: &[&str]) -> Option<String> {
    let mut message = format!("*{}\r\n", words.len());
    for word in words {
        message.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    message.push_str("*1\r\n$4\r\nQUIT\r\n");
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(message.as_bytes()).await.ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await.ok()?;
    response.strip_suffix("\r\n+OK\r\n").or(response.strip_suffix("+OK\r\n")).map(str::to_owned)
}
