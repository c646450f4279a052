//! A FastAPI service in `services/`, on a free port.

use crate::processor::Counted;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use tollgate_tests::install::python::Python;
use tollgate_tests::install::workspace;

/// A running service. Dropping it kills it.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Service {
    /// Starts a service by its file name, with these environment variables.
    ///
    /// # Panics
    /// If its packages cannot be installed, or if it does not print its port.
    pub(crate) fn start(name: &str, variables: &[(&str, &str)]) -> Service {
        let python = Python::with("tests/benches/rivals/services/requirements.txt").interpreter();
        let mut command = Command::new(python);
        command.arg(workspace::file(&format!("tests/benches/rivals/services/{name}.py")));
        command.envs(variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let mut line = String::new();
        let stdout = child.stdout.take().map(BufReader::new);
        let _ = stdout.map(|mut stdout| stdout.read_line(&mut line));
        let port = line.trim().parse();
        let port = port.unwrap_or_else(|e| panic!("{name}.py did not print its port, see above: {e}"));
        Service { child, address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port) }
    }

    /// Returns the process, all threads of which are measured.
    pub(crate) fn counted(&self) -> Counted {
        Counted::Process(self.child.id())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
