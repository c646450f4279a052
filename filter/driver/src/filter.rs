//! The parts of a filter: its configuration, and the machine of one request.

use tollgate_core::Machine;
use tollgate_core::report::Metrics;

/// An HTTP filter.
pub trait Filter: 'static {
    /// The state that the requests of one worker thread share.
    type Worker: Metrics;
    /// The machine of one request.
    type Request: Machine<Worker = Self::Worker>;

    /// Whether the filter reads the bodies of requests that it holds. The host must then hold the header
    /// fields alone, so that the body arrives; for any other filter it holds the whole request.
    const READS_BODY: bool;

    /// Reads the configuration. Called once in each worker thread.
    ///
    /// # Errors
    /// A text for the operator, which is logged. The host rejects the configuration.
    fn configure(setup: Setup<'_>) -> Result<Self::Worker, String>;

    /// Returns the machine of a new request.
    fn request(worker: &Self::Worker) -> Self::Request;

    /// Returns whether to remove a trailer field of the request. Trailers arrive after the decision, so the
    /// name alone decides.
    fn removes_trailer(name: &[u8]) -> bool {
        let _ = name;
        false
    }
}

/// The input of [`Filter::configure`].
pub struct Setup<'a> {
    /// The configuration as the host has it: the text of a `StringValue`, or the protobuf bytes of a
    /// `Struct`.
    pub document: &'a [u8],
    /// The environment variables.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Random bytes that an attacker cannot guess, different in each worker.
    pub seed: [u8; 16],
}
