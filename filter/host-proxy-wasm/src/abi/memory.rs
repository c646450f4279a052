//! The memory that the host fills: allocated when the host requests it, taken over as a `Vec` after the host
//! wrote to it.
#![allow(unsafe_code, reason = "the ABI passes memory as a pointer and a length")]

use std::alloc::Layout;
use std::ptr::NonNull;

/// Allocates `size` bytes. Returns null if there is no memory, which the host treats as a failed call.
pub(super) fn allocate(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size) {
        Ok(_) if size == 0 => NonNull::dangling().as_ptr(),
        // SAFETY: the layout's size is not zero. Zeroed, so that bytes which the host leaves out are not
        // undefined.
        Ok(layout) => unsafe { std::alloc::alloc_zeroed(layout) },
        Err(_) => std::ptr::null_mut(),
    }
}

/// Returns the bytes that a host call returned at `pointer`; none if that is null.
///
/// # Safety
/// A pointer that is not null comes from [`allocate`] with the same size, and this call takes its ownership.
pub(super) unsafe fn adopt(pointer: *mut u8, size: usize) -> Vec<u8> {
    if pointer.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: by the contract of this function, allocated by the global allocator with this size and
    // alignment 1.
    unsafe { Vec::from_raw_parts(pointer, size, size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocated_memory_is_taken_over_as_bytes() {
        for size in [1, 7, 4096] {
            let pointer = allocate(size);
            assert!(!pointer.is_null());
            // SAFETY: just allocated with this size, and not used again.
            let bytes = unsafe { adopt(pointer, size) };
            assert_eq!(bytes, vec![0; size]);
        }
    }

    #[test]
    fn a_null_pointer_or_size_zero_gives_no_bytes() {
        // SAFETY: null is allowed with any size, and so is a pointer from `allocate(0)` with size 0.
        unsafe {
            assert_eq!(adopt(std::ptr::null_mut(), 9), b"");
            assert_eq!(adopt(allocate(0), 0), b"");
        }
    }

    #[test]
    fn too_large_an_allocation_is_null_and_not_a_panic() {
        assert!(allocate(usize::MAX).is_null());
    }
}
