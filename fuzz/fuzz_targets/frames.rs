//! Frames, as they come back from a worker.
#![no_main]

use concurrent_futures::__private::fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    fuzz::frames(input);
});
