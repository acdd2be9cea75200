//! A function plus its arguments, and how a worker process calls it.
#![expect(unsafe_code, reason = "makes a function that has no size out of nothing")]

use super::codec::{self, CodecError};
use super::entry::{Entry, Invocation, ItemOutcome, run_item};
use super::job::Job;
use super::macros::{Kind, Owned};
use super::portable::{Code, Portable, PortableJob};
use std::any::type_name;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A function and its arguments, made by [`call!`](crate::call) and [`task!`](crate::task!).
#[derive(Clone, Copy, Debug)]
pub struct Call<F, A> {
    f: F,
    args: A,
}

/// A function that takes the tuple `A` as its arguments: every `FnOnce` of up to twelve.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be called with `{A}`")]
pub trait Function<A>: Send + 'static {
    /// What it returns.
    type Output;

    /// Calls it.
    fn call(self, args: A) -> Self::Output;
}

macro_rules! function {
    ($($a:ident)*) => {
        impl<Func: FnOnce($($a),*) -> Out + Send + 'static, Out, $($a),*> Function<($($a,)*)> for Func {
            type Output = Out;

            #[expect(non_snake_case, reason = "the type parameters name the values too")]
            fn call(self, ($($a,)*): ($($a,)*)) -> Out {
                self($($a),*)
            }
        }
    };
}

macro_rules! functions {
    ($first:ident $($rest:ident)*) => {
        function!($first $($rest)*);
        functions!($($rest)*);
    };
    () => {};
}

impl<Func: FnOnce() -> Out + Send + 'static, Out> Function<()> for Func {
    type Output = Out;

    fn call(self, (): ()) -> Out {
        self()
    }
}

functions!(A B C D E F G H I J K L);

impl<F: Function<A, Output: Send + 'static>, A: Send + 'static> Job for Call<F, A> {
    type Output = F::Output;

    fn run(self) -> F::Output {
        self.f.call(self.args)
    }
}

impl<F, A: Portable> Call<F, A> {
    pub(crate) fn encode_arguments(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(&self.args, out)
    }
}

impl<F: Code + Function<A, Output: Portable>, A: Portable> PortableJob for Call<F, A> {
    fn entry(&self) -> &'static Entry {
        Trampoline::<F, A>::ENTRY
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.encode_arguments(out)
    }
}

/// Calls an `F` in a worker.
struct Trampoline<F, A>(PhantomData<(F, A)>);

impl<F: Code + Function<A, Output: Portable>, A: Portable> Trampoline<F, A> {
    const ENTRY: &'static Entry = &Entry::new(type_name::<Call<F, A>>, Self::invoke);

    fn invoke(invocation: Invocation<'_>) {
        let Invocation { payload, host, .. } = invocation;
        host.begins();
        match codec::decode::<A>(payload) {
            Ok(args) => {
                // SAFETY: this entry came with a `Call<F, A>`.
                let f = unsafe { conjure::<F>() };
                run_item(host, || f.call(args));
            }
            Err(error) => host.ended(ItemOutcome::Codec(error)),
        }
    }
}

/// A function without size, out of nothing.
///
/// # Safety
/// An `F` was given to [`make_call`], by whose contract it is only code.
pub(super) unsafe fn conjure<F: Code>() -> F {
    const { F::NO_CAPTURES }
    // SAFETY: it has no size, so there is nothing to be read; and by the contract it captures nothing, not even a token
    // that says something, so one more of it does no harm.
    unsafe { NonNull::<F>::dangling().read() }
}

/// What the macros expand to.
///
/// The only way to a `Call`, and called from the user's own code: so that is where the compiler says what it can only
/// see when code is generated.
///
/// # Safety
/// `f` can be coerced to a `fn` pointer: it captures nothing. A worker makes another one out of nothing.
#[doc(hidden)]
pub unsafe fn make_call<F: Code + Function<A, Output: Kind<K> + Owned<K>>, A, K>(f: F, args: A, _: K) -> Call<F, A> {
    const { F::NO_CAPTURES }
    Call { f, args }
}
