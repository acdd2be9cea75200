//! A task's bytes, as a worker finds them.
#![no_main]

use concurrent_futures::__private::fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    fuzz::envelopes(input);
});
