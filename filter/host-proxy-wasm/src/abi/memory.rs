//! The memory that the host fills: handed out when it asks, taken over as a `Vec` when it has written there.
#![allow(unsafe_code, reason = "the ABI passes memory as a pointer and a length")]

use std::alloc::Layout;
use std::ptr::NonNull;

/// Memory for `size` bytes; null if there is none, which the host takes as a failed call.
pub(super) fn allocate(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size) {
        Ok(_) if size == 0 => NonNull::dangling().as_ptr(),
        // SAFETY: the layout's size is not zero. Zeroed, so that bytes which the host leaves out are not undefined.
        Ok(layout) => unsafe { std::alloc::alloc_zeroed(layout) },
        Err(_) => std::ptr::null_mut(),
    }
}

/// The bytes that a host call returned at `pointer`; none if that is null.
///
/// # Safety
/// A pointer that is not null comes from [`allocate`] with this very size, and is given away by this call.
pub(super) unsafe fn adopt(pointer: *mut u8, size: usize) -> Vec<u8> {
    if pointer.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: allocated by the global allocator with this size and an alignment of 1, says the caller.
    unsafe { Vec::from_raw_parts(pointer, size, size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_handed_out_comes_back_as_bytes() {
        for size in [1, 7, 4096] {
            let pointer = allocate(size);
            assert!(!pointer.is_null());
            // SAFETY: just allocated with this size, and not used again.
            let bytes = unsafe { adopt(pointer, size) };
            assert_eq!(bytes, vec![0; size]);
        }
    }

    #[test]
    fn a_null_pointer_or_no_size_reads_as_no_bytes() {
        // SAFETY: null is allowed with any size, and so is the pointer that stands for no memory with size 0.
        unsafe {
            assert_eq!(adopt(std::ptr::null_mut(), 9), b"");
            assert_eq!(adopt(allocate(0), 0), b"");
        }
    }

    #[test]
    fn more_memory_than_there_can_be_is_null_and_not_a_panic() {
        assert!(allocate(usize::MAX).is_null());
    }
}
