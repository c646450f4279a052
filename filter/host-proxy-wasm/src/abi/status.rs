//! The status of a host call. Any number is possible; those without a name are values like the others.

/// The status of a host call, as numbered by the proxy-wasm ABI 0.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u32);

impl Status {
    /// The call succeeded.
    pub(crate) const OK: Status = Status(0);
    /// The value or function does not exist.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) const NOT_FOUND: Status = Status(1);
    /// An argument is wrong; for an HTTP callout also: its cluster is unknown.
    pub(crate) const BAD_ARGUMENT: Status = Status(2);
    /// Another worker wrote in between.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) const CAS_MISMATCH: Status = Status(8);
    /// For a callout: it has ended already.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) const INTERNAL_FAILURE: Status = Status(10);

    /// Returns `Ok` if the call succeeded, otherwise the status.
    pub(crate) fn ok(self) -> Result<(), Status> {
        if self == Status::OK { Ok(()) } else { Err(self) }
    }

    /// Returns the value if the call succeeded, otherwise the status.
    pub(crate) fn with<T>(self, value: T) -> Result<T, Status> {
        self.ok().map(|()| value)
    }
}
