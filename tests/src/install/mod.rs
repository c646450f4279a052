//! Everything that the tests install or build before they run: the filters and the command of this workspace,
//! Python and Debian packages, Go programs, and stripe-mock; and the artifacts of a release.

pub mod command;
pub mod debian;
pub mod go;
pub mod modules;
pub mod python;
pub mod release;
pub mod stripe_mock;
pub mod workspace;
