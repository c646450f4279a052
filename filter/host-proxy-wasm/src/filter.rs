//! What a filter is made of: how it is configured, and the machine of one request.

use tollgate_core::Machine;
use tollgate_core::report::Metrics;

/// An Envoy filter.
pub trait Filter: 'static {
    /// What the requests of one worker thread share.
    type Worker: Metrics;
    /// One request on its way through.
    type Request: Machine<Worker = Self::Worker>;

    /// Called when Envoy loads the configuration, once in each worker thread.
    ///
    /// # Errors
    /// A text for the operator; it is logged, and Envoy refuses the configuration.
    fn configure(setup: Setup<'_>) -> Result<Self::Worker, String>;

    /// A request that has just come.
    fn request(worker: &Self::Worker) -> Self::Request;

    /// Whether a trailer field of the request is to be removed. Trailers come after the request was judged, so a
    /// name has to be enough.
    fn removes_trailer(name: &[u8]) -> bool {
        let _ = name;
        false
    }
}

/// What a filter is configured from.
pub struct Setup<'a> {
    /// The configuration as Envoy hands it over: the text of a `StringValue`, or the protobuf bytes of a `Struct`.
    pub document: &'a [u8],
    /// The VM's environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Bytes that an outsider cannot guess, others in each worker.
    pub seed: [u8; 16],
}
