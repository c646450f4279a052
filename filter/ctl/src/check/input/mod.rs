//! The files of a check: their values with their positions, and the Kubernetes resources in them.

pub(super) mod file;
pub(super) mod positions;
pub(super) mod resource;
