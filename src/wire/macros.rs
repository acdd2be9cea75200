//! `call!` and `task!`.
//!
//! Both coerce the function to a `fn` pointer. That is what refuses captures: the compiler then names the captured
//! variable at the user's line, and does so in `cargo check`. (The size of the type would not do: a closure may capture
//! a `Copy` token without size, and a worker would conjure one.)

use super::portable::Portable;

/// A function and its arguments, as a job that can leave the address space.
///
/// `call!(path::f(a, b))`, `call!(f::<T>(a))`, `call!(Type::method(x))`, `call!(<T as Trait>::f(x))`,
/// `call!((|x: u32| x + 1)(4))`; up to twelve arguments, which are evaluated here and now, `?` included.
///
/// `call!(f(_, a))` leaves the first argument to the worker: it is a reference to the state that its initializer made.
/// It is for `submit_with_state` of a pool of processes; any other call runs on every executor. What is sent to a
/// process is the place of the function in the program, and the arguments.
///
/// Arguments and the result need serde's traits. A function that takes a reference (`fn(&str)`) cannot be called this
/// way, since nobody on the other side would own what it points to: take a `String`, or wrap it in a closure,
/// `call!((|s: String| f(&s))(s))`.
///
/// # Examples
/// ```
/// use concurrent_futures::{Executor, ThreadPoolExecutor, call};
///
/// fn area(width: u32, height: u32) -> u32 {
///     width * height
/// }
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// let anywhere: &dyn Executor = &pool;
/// assert_eq!(anywhere.submit(call!(area(6, 7))).result(None)?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! call {
    (@ [$($f:tt)+] ( _ $(, $a:expr)* $(,)? )) => {{
        #[allow(unused_parens)]
        let f = $($f)+;
        let _no_captures: fn(&_ $(, $crate::__hole!($a))*) -> _ = f;
        let args = ($($crate::__private::argument($a, 0),)*);
        // SAFETY: it was coerced to a `fn` pointer above.
        unsafe { $crate::__private::make_state_call(f, args) }
    }};
    (@ [$($f:tt)+] ( $($a:expr),* $(,)? )) => {{
        #[allow(unused_parens)]
        let f = $($f)+;
        // Never run: it lets the compiler complain about a wrong argument in its own words.
        if false { #[allow(unreachable_code, clippy::all)] { let _ = f($($a),*); loop {} } }
        let _no_captures: fn($($crate::__hole!($a)),*) -> _ = f;
        // Outside of the unsafe block: the caller's expressions must not be in it.
        let args = ($($crate::__private::argument($a, 0),)*);
        // SAFETY: it was coerced to a `fn` pointer above.
        unsafe { $crate::__private::make_call(f, args, 0) }
    }};
    (@ [$($f:tt)*] $t:tt $($rest:tt)+) => { $crate::call!(@ [$($f)* $t] $($rest)+) };
    (@ $($t:tt)*) => {
        ::core::compile_error!("call! takes one function call: call!(f(a, b)), call!(Type::method(x)), call!(f::<T>(x))")
    };
    ($receiver:ident . $method:ident ($($a:expr),* $(,)?)) => {
        ::core::compile_error!(::core::concat!(
            "write the method as a path: call!(Type::", ::core::stringify!($method), "(",
            ::core::stringify!($receiver $(, $a)*), "))"
        ))
    };
    ($receiver:ident . $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "write the method as a path: call!(Type::method(value, ..)), not `",
            ::core::stringify!($receiver . $($rest)*), "`"
        ))
    };
    () => { $crate::call!(@) };
    ($($t:tt)+) => { $crate::call!(@ [] $($t)+) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __hole {
    ($e:expr) => {
        _
    };
}

/// A closure whose captures are listed, so that they can travel: `task!([a, n = xs.len()] => a * n)`.
///
/// Each name is moved in, or is given a value with `=`. A capture beyond the list is refused in `cargo check`, by name.
/// `task!([] => 7)` lists none. It runs on every executor; what is listed, and the result, need serde's traits.
///
/// # Examples
/// ```
/// use concurrent_futures::{Executor, ThreadPoolExecutor, task};
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// let anywhere: &dyn Executor = &pool;
/// let words = vec!["one", "two"];
/// let first = words[0].to_string();
/// let future = anywhere.submit(task!([first, n = words.len()] => first.len() + n));
/// assert_eq!(future.result(None)?, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! task {
    ([$($i:ident $(= $e:expr)?),* $(,)?] => $body:expr) => {{
        let (f, args) = $crate::__private::infer(
            ($($crate::__private::argument($crate::__capture!($i $(= $e)?), 0),)*),
            |($($i,)*)| $body,
        );
        let _only_listed_captures: fn(_) -> _ = f;
        // SAFETY: it was coerced to a `fn` pointer above.
        unsafe { $crate::__private::make_call(f, (args,), 0) }
    }};
    ($($t:tt)*) => {
        ::core::compile_error!("task! lists the names that travel, then what to do: task!([a, n = xs.len()] => a * n)")
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __capture {
    ($i:ident = $e:expr) => {
        $e
    };
    ($i:ident) => {
        $i
    };
}

/// Each argument by itself, so that each has its own message.
#[doc(hidden)]
pub fn argument<T: Portable + Kind<K> + Owned<K>, K>(value: T, _: K) -> T {
    value
}

/// Says of a type whether it is a reference, so that the compiler can explain it: `&'static str` meets the bounds of
/// `Portable` as far as types go, and what the compiler has to say of its lifetimes helps nobody.
///
/// `K` is the type of an integer literal. References have two implementations, so nothing decides and the literal
/// becomes an `i32`, for which nothing is `Owned`. Every other type has one, and the literal becomes a `u8`.
#[doc(hidden)]
pub trait Kind<K> {}

impl<T: ?Sized> Kind<u8> for T {}
impl<T: ?Sized> Kind<i32> for &T {}

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross a process boundary",
    label = "a reference",
    note = "own it: `String` for `&str`, `Vec<T>` for `&[T]`"
)]
pub trait Owned<K> {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized> Owned<u8> for T {}
// For no value: with one implementation only, the literal would not wait for `Kind`.
#[diagnostic::do_not_recommend]
impl<T: ?Sized> Owned<u16> for T {}

/// Lets the closure's parameter types follow from the values.
#[doc(hidden)]
pub fn infer<F: FnOnce(A) -> T, A, T>(args: A, f: F) -> (F, A) {
    (f, args)
}
