//! What a filter consists of: its configuration, and the machine of one request.

use tollgate_core::Machine;
use tollgate_core::report::Metrics;

/// An HTTP filter.
pub trait Filter: 'static {
    /// What the requests of one worker thread share.
    type Worker: Metrics;
    /// One request on its way through.
    type Request: Machine<Worker = Self::Worker>;

    /// Reads the configuration. Called once in each worker thread.
    ///
    /// # Errors
    /// A text for the operator: it is logged, and the host refuses the configuration.
    fn configure(setup: Setup<'_>) -> Result<Self::Worker, String>;

    /// Returns the machine of a new request.
    fn request(worker: &Self::Worker) -> Self::Request;

    /// Returns whether a trailer field of the request is to be removed. Trailers come after the request was judged, so a
    /// name has to be enough.
    fn removes_trailer(name: &[u8]) -> bool {
        let _ = name;
        false
    }
}

/// What a filter is configured from.
pub struct Setup<'a> {
    /// The configuration as the host has it: the text of a `StringValue`, or the protobuf bytes of a `Struct`.
    pub document: &'a [u8],
    /// The environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Bytes that an outsider cannot guess, others in each worker.
    pub seed: [u8; 16],
}
