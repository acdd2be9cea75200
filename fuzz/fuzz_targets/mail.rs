//! Messages with descriptors on the control socket.
#![no_main]

use concurrent_futures::__private::fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    fuzz::mail(input);
});
