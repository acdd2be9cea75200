//! The entry into a worker: a function that the loader calls before `main`, or [`init`] where that cannot be.
#![expect(
    unsafe_code,
    reason = "a function is put among the constructors of the program, and the later ones are called"
)]

use super::recognise::{Newcomer, recognise, refuse_if_meant_for_another_copy};
use super::start::run;
use crate::process::launch::identity::{Location, id_of};
use crate::process::launch::marker;
use crate::process::sys::descriptors;
use crate::process::sys::objects::{self, Object};
use crate::process::sys::signals::leave;
use crate::sync::{AtomicBool, Mutex, Ordering, contain};
#[cfg(all(target_env = "gnu", not(miri)))]
use libc::{c_char, c_int};

/// What a constructor gets of the C library: the arguments of `main` from glibc, nothing from others, nor from Miri.
#[cfg(all(target_env = "gnu", not(miri)))]
type Arguments = (c_int, *const *const c_char, *const *const c_char);
#[cfg(any(not(target_env = "gnu"), miri))]
type Arguments = ();

#[cfg(all(target_env = "gnu", not(miri)))]
type Constructor = extern "C" fn(c_int, *const *const c_char, *const *const c_char);
#[cfg(any(not(target_env = "gnu"), miri))]
type Constructor = extern "C" fn();

/// In the table of the constructors. Its address also tells this copy of the crate from others.
#[used]
// SAFETY: the section holds addresses of functions with this signature, and nothing else.
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: Constructor = constructor;

/// Whether the constructor was called in this process: it may have been left out, or the loader be an unusual one.
static CALLED: AtomicBool = AtomicBool::new(false);
/// Whether the program calls `init`.
static INIT_CALLED: AtomicBool = AtomicBool::new(false);
/// Whether this is a worker whose later constructors are being called.
static CALLING_LATER: AtomicBool = AtomicBool::new(false);
/// A worker that waits for `init`.
static PENDING: Mutex<Option<Newcomer>> = Mutex::new(None);

#[cfg(all(target_env = "gnu", not(miri)))]
extern "C" fn constructor(count: c_int, arguments: *const *const c_char, environment: *const *const c_char) {
    construct((count, arguments, environment));
}

#[cfg(any(not(target_env = "gnu"), miri))]
extern "C" fn constructor() {
    construct(());
}

fn construct(arguments: Arguments) {
    CALLED.store(true, Ordering::SeqCst);
    // Every program that contains this crate comes by here, so it is quick.
    if std::env::var_os(marker::VARIABLE).is_none() {
        return;
    }
    let outcome = contain(|| {
        let Some((object, copy)) = this_copy() else { return };
        let Some(newcomer) = recognise(copy) else { return };
        match later_constructors(&object) {
            Some(later) => {
                // Nothing of the program's has run, so what is open was left open by others.
                descriptors::close_inherited();
                run(newcomer, || call_all(later, arguments));
            }
            None => *PENDING.lock() = Some(newcomer),
        }
    });
    if outcome.is_err() {
        // A worker that cannot even start must not become something else.
        leave(101);
    }
}

/// The object that this copy of the crate is a part of, and its name in all processes.
fn this_copy() -> Option<(Object, Location)> {
    let address = (&raw const CONSTRUCTOR).addr();
    let object = objects::containing(address)?;
    let location = Location { object: id_of(&object)?, offset: address.wrapping_sub(object.base) as u64 };
    Some((object, location))
}

/// The constructors that the loader would call after ours: a worker's tasks need what they set up, too.
///
/// `None`: nobody knows which they are. Of a shared library's constructor it is not known which other libraries have
/// had their turn, so there a worker can only begin in `main`.
fn later_constructors(object: &Object) -> Option<Vec<usize>> {
    let table = object.initialisers().filter(|_| object.is_program)?;
    let own = (&raw const CONSTRUCTOR).addr();
    table.contains(&own).then(|| object.table(&(own + size_of::<Constructor>()..table.end)))
}

fn call_all(constructors: Vec<usize>, arguments: Arguments) {
    CALLING_LATER.store(true, Ordering::SeqCst);
    constructors.into_iter().for_each(|constructor| call(constructor, arguments));
    CALLING_LATER.store(false, Ordering::SeqCst);
}

fn call(constructor: usize, arguments: Arguments) {
    // Linkers of old left such marks at the ends.
    if constructor == 0 || constructor == usize::MAX {
        return;
    }
    // SAFETY: it is from the program's own table of constructors, which the loader filled in; the loader would call it
    // just so, once, and does not get there any more.
    let constructor = unsafe { std::mem::transmute::<usize, Constructor>(constructor) };
    #[cfg(all(target_env = "gnu", not(miri)))]
    constructor(arguments.0, arguments.1, arguments.2);
    #[cfg(any(not(target_env = "gnu"), miri))]
    {
        let () = arguments;
        constructor();
    }
}

/// Which copy of this crate this is, for a worker that is to be another one of it.
///
/// A process that was started as a worker for other code ends here, so that it has no workers in its turn.
///
/// # Errors
/// What to tell a person.
pub(in crate::process) fn copy() -> Result<Location, &'static str> {
    let copy = this_copy().map(|(_, copy)| copy);
    refuse_if_meant_for_another_copy(copy);
    if CALLING_LATER.load(Ordering::SeqCst) {
        return Err(
            "a constructor of the program makes a pool, and would make one in every worker, and in every worker's \
            workers: make it in `main`, or when it is first needed",
        );
    }
    if PENDING.lock().is_some() {
        return Err("this process is itself a worker that has not yet reached `concurrent_futures::init()`: call it \
            first in `main`, before any pool is made");
    }
    copy.ok_or(
        "this program cannot be told from others: it was linked without a build id, and /proc is not there; link it with \
         `-C link-arg=-Wl,--build-id`",
    )
}

/// Whether this program, executed once more, would become a worker before it does anything else.
///
/// Naming the constructor here also makes a linker take it along, that only takes what is asked for out of an archive.
pub(in crate::process) fn has_entry() -> bool {
    let by_constructor = || this_copy().is_some_and(|(object, _)| later_constructors(&object).is_some());
    INIT_CALLED.load(Ordering::SeqCst) || CALLED.load(Ordering::SeqCst) && by_constructor()
}

/// Lets this program be a worker, where it could not be one by itself.
///
/// A pool of processes starts this same program once more for every worker. Ordinarily that needs no line in `main`:
/// in a Rust program, its tests and examples the crate takes over before `main` runs, and this function does nothing.
/// It is needed where that is impossible, and the pool then says so: in a program that uses the crate from a shared
/// library, and in one that is linked statically at a fixed address. Call it first in `main`: in a worker it does not
/// return, and whatever is before it happens in every worker, too.
///
/// Python's `freeze_support` and `if __name__ == "__main__"` are for the same purpose.
///
/// # Examples
/// ```
/// fn main() {
///     concurrent_futures::init();
///     // The program begins here; workers never come this far.
/// }
/// ```
#[expect(clippy::needless_doctest_main, reason = "the place of the call is what the example shows")]
pub fn init() {
    let newcomer = PENDING.lock().take();
    if let Some(newcomer) = newcomer {
        run(newcomer, || {});
    }
    refuse_if_meant_for_another_copy(this_copy().map(|(_, copy)| copy));
    INIT_CALLED.store(true, Ordering::SeqCst);
}
