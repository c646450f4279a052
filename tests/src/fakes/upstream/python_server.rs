//! Starts a script of `tests/backend` (FastAPI on uvicorn), and kills it on drop.

use super::Certificate;
use crate::install::python::Python;
use crate::install::workspace;
use serde::Deserialize;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

/// A running script. Dropping it kills it.
#[derive(Debug)]
pub struct PythonServer {
    child: Child,
    listening: Listening,
}

/// The line that a script prints when it listens.
#[derive(Debug, Deserialize)]
struct Listening {
    port: u16,
    tls_port: Option<u16>,
}

impl PythonServer {
    /// Starts a script of `tests/backend` with these arguments and waits until it listens. Installs its
    /// packages below `target/` the first time. With a certificate, it also has a TLS listener.
    ///
    /// # Panics
    /// If it does not start; its messages are on stderr.
    pub fn start<A: AsRef<OsStr>>(
        script: &str,
        arguments: &[A],
        certificate: Option<&Certificate>,
    ) -> PythonServer {
        let mut python = Command::new(Python::with("tests/backend/requirements.txt").interpreter());
        python.arg(workspace::file(&format!("tests/backend/{script}"))).args(arguments);
        if let Some(certificate) = certificate {
            python.env("TLS_CERTIFICATE", certificate.certificate()).env("TLS_KEY", certificate.key());
        }
        // Its standard input closes when this process ends, however that happens; then it ends too.
        let mut child = python
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {python:?}: {e}"));
        let mut line = String::new();
        let stdout = child.stdout.take().map(BufReader::new);
        let _ = stdout.map(|mut stdout| stdout.read_line(&mut line));
        let listening = serde_json::from_str(&line)
            .unwrap_or_else(|e| panic!("{script} did not print its ports, see its messages above: {e}"));
        PythonServer { child, listening }
    }

    /// Returns the address of plain HTTP.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.listening.port)
    }

    /// Returns the address of HTTPS, if it was started with a certificate.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.listening.tls_port.map(|port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port))
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
