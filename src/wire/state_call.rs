//! Calls that use what a worker's initializer made, and the initializer itself.
#![expect(unsafe_code, reason = "makes functions that have no size out of nothing")]

use super::call::{Call, Function, conjure};
use super::codec::{self, CodecError};
use super::entry::{Entry, Invocation, ItemOutcome, Maker, run_item};
use super::portable::{Code, Portable};
use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;

/// A function, the worker's state, and the arguments behind it: made by [`call!(f(_, a))`](crate::call).
#[derive(Clone, Copy, Debug)]
pub struct StateCall<F, A> {
    args: A,
    _f: PhantomData<F>,
}

/// A function that takes `&S` and the tuple `A` as its arguments: every `FnOnce` of a state and up to twelve others.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be called with the worker's state `&{S}` and `{A}`")]
pub trait StateFunction<S, A>: Send + 'static {
    /// What it returns.
    type Output;

    /// Calls it.
    fn call(self, state: &S, args: A) -> Self::Output;
}

macro_rules! state_functions {
    ($($a:ident)*) => {
        impl<Func: FnOnce(&S $(, $a)*) -> Out + Send + 'static, S, Out $(, $a)*> StateFunction<S, ($($a,)*)> for Func {
            type Output = Out;

            #[expect(clippy::allow_attributes, reason = "the type parameters name the values too, where there are any")]
            #[allow(non_snake_case, reason = "as above")]
            fn call(self, state: &S, ($($a,)*): ($($a,)*)) -> Out {
                self(state $(, $a)*)
            }
        }
        state_functions!(@ $($a)*);
    };
    (@ $first:ident $($rest:ident)*) => {
        state_functions!($($rest)*);
    };
    (@) => {};
}

state_functions!(A B C D E F G H I J K L);

/// What `call!(f(_, a))` expands to.
///
/// # Safety
/// As `make_call`.
#[doc(hidden)]
pub unsafe fn make_state_call<F: Code, A>(_: F, args: A) -> StateCall<F, A> {
    const { F::NO_CAPTURES }
    StateCall { args, _f: PhantomData }
}

impl<F: Code, A: Portable> StateCall<F, A> {
    /// What a worker with a state of that type calls.
    pub(crate) fn entry<S: 'static>(&self) -> &'static Entry
    where
        F: StateFunction<S, A, Output: Portable>,
    {
        Trampoline::<S, F, A>::ENTRY
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(&self.args, out)
    }
}

struct Trampoline<S, F, A>(PhantomData<(S, F, A)>);

impl<S: 'static, F: Code + StateFunction<S, A, Output: Portable>, A: Portable> Trampoline<S, F, A> {
    const ENTRY: &'static Entry = &Entry::new(type_name::<(S, StateCall<F, A>)>, Self::invoke);

    fn invoke(invocation: Invocation<'_>) {
        let Invocation { payload, state, host, .. } = invocation;
        host.begins();
        match (state.downcast_ref::<S>(), codec::decode::<A>(payload)) {
            (Some(state), Ok(args)) => {
                // SAFETY: this entry came with a `StateCall<F, A>`.
                let f = unsafe { conjure::<F>() };
                run_item(host, || f.call(state, args));
            }
            (None, _) => host.ended(ItemOutcome::Codec(CodecError::of_state::<S>())),
            (_, Err(error)) => host.ended(ItemOutcome::Codec(error)),
        }
    }
}

impl<F: Code, A: Portable> Call<F, A> {
    /// The same call as a maker of a worker's state.
    pub(crate) fn maker<S: 'static, E: fmt::Display>(&self) -> &'static Maker
    where
        F: Function<A, Output = Result<S, E>>,
    {
        Making::<F, A>::maker::<S, E>()
    }
}

struct Making<F, A>(PhantomData<(F, A)>);

impl<F: Code, A: Portable> Making<F, A> {
    fn maker<S: 'static, E: fmt::Display>() -> &'static Maker
    where
        F: Function<A, Output = Result<S, E>>,
    {
        const { &Maker::new(type_name::<Call<F, A>>, Self::make::<S, E>) }
    }

    fn make<S: 'static, E: fmt::Display>(payload: &[u8]) -> Result<Box<dyn Any>, String>
    where
        F: Function<A, Output = Result<S, E>>,
    {
        let args = codec::decode::<A>(payload).map_err(|error| error.to_string())?;
        // SAFETY: this maker came with a `Call<F, A>`.
        let f = unsafe { conjure::<F>() };
        match f.call(args) {
            Ok(state) => Ok(Box::new(state)),
            Err(error) => Err(format!("the initializer failed: {error}")),
        }
    }
}
