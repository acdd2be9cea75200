//! A ring on whose board somebody else writes.
#![no_main]

use concurrent_futures::__private::fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    fuzz::board(input);
});
