//! A function plus its arguments.

use super::job::Job;
use super::macros::{Kind, Owned};
use super::portable::{Code, Portable, PortableJob, Sealed};

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

impl<F, A> Sealed for Call<F, A> {}

impl<F: Code + Function<A, Output: Portable>, A: Portable> PortableJob for Call<F, A> {}

/// What the macros expand to. `f` has been coerced to a `fn` pointer by them: it captures nothing.
///
/// The only way to a `Call`, and called from the user's own code: so that is where the compiler says what it can only
/// see when code is generated.
#[doc(hidden)]
pub fn make_call<F: Code + Function<A, Output: Kind<K> + Owned<K>>, A, K>(f: F, args: A, _: K) -> Call<F, A> {
    const { F::NO_CAPTURES }
    Call { f, args }
}
