//! What a host call says of its outcome. Any number may come; those without a name here are values like the others.

/// The status of a host call, as proxy-wasm ABI 0.2.1 numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u32);

impl Status {
    /// Done.
    pub(crate) const OK: Status = Status(0);
    /// There is no such thing.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) const NOT_FOUND: Status = Status(1);
    /// An argument is wrong; of an HTTP callout also that its cluster is unknown.
    pub(crate) const BAD_ARGUMENT: Status = Status(2);
    /// Somebody else wrote in between.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) const CAS_MISMATCH: Status = Status(8);
    /// Of a callout: it has ended already.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) const INTERNAL_FAILURE: Status = Status(10);

    /// `Ok` if the call was done, else the status.
    pub(crate) fn ok(self) -> Result<(), Status> {
        if self == Status::OK { Ok(()) } else { Err(self) }
    }

    /// The value if the call was done, else the status.
    pub(crate) fn with<T>(self, value: T) -> Result<T, Status> {
        self.ok().map(|()| value)
    }
}
