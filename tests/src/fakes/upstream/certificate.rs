//! A certificate of a new authority that only tests trust.

use crate::install::python::Python;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A key, its certificate, and the authority that signed it. The files are removed on drop.
#[derive(Debug)]
pub struct Certificate {
    dir: TempDir,
}

impl Certificate {
    /// Creates a certificate for these DNS names and an authority that signs it.
    ///
    /// # Panics
    /// If it cannot be created, with what to do.
    pub fn for_names(names: &[&str]) -> Certificate {
        let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("cannot create a temporary directory: {e}"));
        let mut trustme = Command::new(Python::with("tests/tls-requirements.txt").interpreter());
        trustme.args(["-m", "trustme", "--quiet", "--dir"]).arg(dir.path()).arg("--identities").args(names);
        let out = trustme.output().unwrap_or_else(|e| panic!("cannot start {trustme:?}: {e}"));
        assert!(out.status.success(), "`{trustme:?}` failed:\n{}", String::from_utf8_lossy(&out.stderr));
        Certificate { dir }
    }

    /// Returns the certificate of the authority, PEM: what the peer must trust.
    pub fn authority(&self) -> PathBuf {
        self.dir.path().join("client.pem")
    }

    /// Returns the certificate of the server, PEM.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("server.pem")
    }

    /// Returns the private key of the certificate, PEM.
    pub fn key(&self) -> PathBuf {
        self.dir.path().join("server.key")
    }
}
