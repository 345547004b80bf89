//! The system's allocator, for processes whose large buffers come and go.

/// The smallest allocation that is returned to the system as soon as it is freed.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: std::ffi::c_int = 1 << 18;

/// Returns large buffers to the system when they are freed.
///
/// By default glibc raises its limit for large buffers to the largest that was freed. Later ones then
/// come from the heaps of threads, each of which keeps up to twice that size.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no safe interface has this setting")]
pub fn return_large_buffers() {
    /// `M_MMAP_THRESHOLD` of `malloc.h`.
    const MMAP_THRESHOLD: std::ffi::c_int = -3;
    // SAFETY: this is the declaration of `malloc.h`, and any two integers may be passed.
    unsafe extern "C" {
        safe fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
    }
    if mallopt(MMAP_THRESHOLD, LARGE_BYTES) == 0 {
        tracing::debug!("the allocator keeps its own limit for large buffers");
    }
}

/// Returns all memory that is free now to the system. By default glibc keeps what was freed between
/// buffers that are still in use.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no safe interface has this call")]
pub fn return_free_memory() {
    // SAFETY: this is the declaration of `malloc.h`, and any number may be passed.
    unsafe extern "C" {
        safe fn malloc_trim(keep: usize) -> std::ffi::c_int;
    }
    malloc_trim(0);
}

/// Other allocators decide for themselves.
#[cfg(not(target_env = "gnu"))]
pub const fn return_large_buffers() {}

/// Other allocators decide for themselves.
#[cfg(not(target_env = "gnu"))]
pub const fn return_free_memory() {}
