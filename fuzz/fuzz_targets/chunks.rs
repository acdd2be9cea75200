//! Chunks of maps, as a worker gets them, and their results, as its parent does.
#![no_main]

use concurrent_futures::__private::fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    fuzz::chunks(input);
});
