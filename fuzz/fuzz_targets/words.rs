//! A worker's orders, and what it says of itself.
#![no_main]

use concurrent_futures::__private::fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    fuzz::words(input);
});
