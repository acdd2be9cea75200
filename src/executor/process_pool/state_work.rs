//! Tasks that use what a worker process's initializer made.
#![expect(unsafe_code, reason = "a function pointer that has travelled as a number")]

use crate::error::TaskError;
use crate::task::{PortableWork, Work};
use crate::wire::{
    Code, CodeMap, CodecError, Encoded, Entry, Invocation, ItemOutcome, Parcel, Portable, StateCall, StateFunction,
    run_item,
};
use std::any::type_name;
use std::marker::PhantomData;

/// A call with `_` for the state.
pub(super) struct WithState<S, F, A> {
    call: StateCall<F, A>,
    _state: PhantomData<fn(S)>,
}

impl<S, F, A> WithState<S, F, A> {
    pub(super) fn new(call: StateCall<F, A>) -> Self {
        WithState { call, _state: PhantomData }
    }
}

impl<S: 'static, F: Code + StateFunction<S, A, Output: Portable>, A: Portable> Work for WithState<S, F, A> {
    type Output = F::Output;

    fn work(self) -> F::Output {
        unreachable!("it was given to a pool of processes, whose workers alone have such a state")
    }
}

impl<S: 'static, F: Code + StateFunction<S, A, Output: Portable>, A: Portable> PortableWork for WithState<S, F, A> {
    fn pack(&self, _code: &dyn CodeMap) -> Result<Parcel, TaskError> {
        let mut payload = Vec::new();
        self.call.encode(&mut payload).map_err(codec)?;
        Ok(Parcel { entry: self.call.entry::<S>(), payload, items: 1 })
    }

    fn unpack(encoded: Encoded) -> Result<F::Output, TaskError> {
        encoded.into_value()
    }
}

/// A function of the state alone.
pub(super) struct OfState<S, T>(pub(super) fn(&S) -> T);

impl<S: 'static, T: Portable> Work for OfState<S, T> {
    type Output = T;

    fn work(self) -> T {
        unreachable!("it was given to a pool of processes, whose workers alone have such a state")
    }
}

impl<S: 'static, T: Portable> PortableWork for OfState<S, T> {
    fn pack(&self, code: &dyn CodeMap) -> Result<Parcel, TaskError> {
        let place = code.locate(self.0 as *const ()).map_err(|why| TaskError::Codec(why.into()))?;
        Ok(Parcel { entry: Self::ENTRY, payload: place.to_vec(), items: 1 })
    }

    fn unpack(encoded: Encoded) -> Result<T, TaskError> {
        encoded.into_value()
    }
}

impl<S: 'static, T: Portable> OfState<S, T> {
    const ENTRY: &'static Entry = &Entry::new(type_name::<Self>, Self::invoke);

    fn invoke(invocation: Invocation<'_>) {
        let Invocation { payload, state, host, .. } = invocation;
        host.begins();
        let place = payload.first_chunk().ok_or_else(|| "a task without its function".to_owned());
        let address = place.and_then(|place| host.resolve(place));
        match (state.downcast_ref::<S>(), address) {
            (Some(state), Ok(address)) => {
                // SAFETY: this entry came with the place of such a function, and the host has looked whether the place
                // lies in this program's code.
                let f = unsafe { std::mem::transmute::<*const (), fn(&S) -> T>(address) };
                run_item(host, || f(state));
            }
            (None, _) => host.ended(ItemOutcome::Codec(CodecError::of_state::<S>())),
            (_, Err(why)) => host.ended(ItemOutcome::Codec(CodecError::new(why))),
        }
    }
}

fn codec(error: CodecError) -> TaskError {
    TaskError::Codec(error.to_string().into())
}
