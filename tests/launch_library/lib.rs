//! A library with a C interface that has a worker, for the hosts of `tests/launch/hosts.rs`: built once as a shared and
//! once as a static library.
#![cfg(all(feature = "processes", target_os = "linux"))]
#![expect(unsafe_code, reason = "functions for C")]

use concurrent_futures::__private::trial::{End, Entry, Trial, Worker};
use std::ffi::{CStr, c_char, c_int};
use std::sync::atomic::{AtomicI32, Ordering};

/// Set by a constructor of the host's.
static VALUE: AtomicI32 = AtomicI32::new(0);

static TELLS_VALUE: Entry = Entry::new(|worker: Worker| {
    while worker.receive().is_some() {
        worker.send(VALUE.load(Ordering::SeqCst).to_string().as_bytes());
    }
});

/// What the host's constructor calls.
// SAFETY: nobody else has a function of this name.
#[unsafe(no_mangle)]
pub extern "C" fn cf_host_set(value: c_int) {
    VALUE.store(value, Ordering::SeqCst);
}

/// What a host calls first in `main`, if at all.
// SAFETY: nobody else has a function of this name.
#[unsafe(no_mangle)]
pub extern "C" fn cf_host_init() {
    concurrent_futures::init();
}

/// Has a worker tell the value that it finds, and says how that went; `program` may be null.
///
/// # Safety
/// Otherwise it is a C text.
// SAFETY: nobody else has a function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cf_host_try(program: *const c_char) {
    let mut trial = Trial::default();
    if !program.is_null() {
        // SAFETY: as the caller promises.
        let path = unsafe { CStr::from_ptr(program) };
        trial = trial.program(path.to_str().expect("a path"));
    }
    let outcome = trial.start(&TELLS_VALUE).and_then(|mut worker| {
        let value = worker.ask(b"?").ok_or("no answer")?;
        worker.say_goodbye();
        let end = worker.end();
        let orderly = end == Some(End::Exited(0));
        orderly.then(|| String::from_utf8_lossy(&value).into_owned()).ok_or_else(|| format!("{end:?}"))
    });
    match outcome {
        Ok(value) => println!("the worker's value is {value}"),
        Err(error) => println!("no worker: {error}"),
    }
}
