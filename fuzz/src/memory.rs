//! The allocator of the fuzz targets: the system's own, with a bound on what one input may hold at a time.
//!
//! libFuzzer's own limit on single allocations needs a sanitizer; its limit on the whole process comes only after the
//! damage. No target has a reason to hold more than [`MOST`]: the largest limit in the program is 64 MiB (one JSON
//! answer), and a body is held at most a few times over.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes that may be in use, the program's own tables and libFuzzer's corpus (which is C++ and not counted) aside.
const MOST: usize = 768 << 20;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

fn take(bytes: usize) {
    if IN_USE.fetch_add(bytes, Relaxed).saturating_add(bytes) > MOST {
        // No message: it would allocate. libFuzzer prints the stack and keeps the input.
        std::process::abort();
    }
}

// SAFETY: every call is handed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(size);
        IN_USE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}
