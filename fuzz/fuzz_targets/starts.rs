//! The messages of a worker's start.
#![no_main]

use concurrent_futures::__private::fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    fuzz::starts(input);
});
