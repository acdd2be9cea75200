//! What can leave the address space: values, functions, jobs, errors.

use super::codec::CodecError;
use super::entry::Entry;
use super::job::Job;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;

/// A value that can cross to another process: serde's two traits, owned, and `Send`.
///
/// Implemented for everything that fits. (serde writes a `PathBuf` only if it is UTF-8; an `OsString` always travels.)
/// An error of its `Serialize` or `Deserialize` is a [`TaskError::Codec`](crate::TaskError::Codec) with its words.
///
/// What travels are the fields in their order, without names. So types that look at the data to know what it is
/// (`#[serde(untagged)]`, `tag`, `flatten`, a JSON value) cannot travel, nor can fields that `skip_serializing_if` leaves
/// out; both are errors that say so, and so is a value in which more than 500 are inside of each other.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross a process boundary",
    label = "not Serialize + DeserializeOwned + Send + 'static",
    note = "own it (`String` for `&str`, `Vec<T>` for `&[T]`, `PortableError` for error types) or derive serde's traits"
)]
pub trait Portable: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Portable for T {}

/// A job that can leave the address space: [`call!`](crate::call) or [`task!`](crate::task!), whose arguments and
/// result are [`Portable`].
///
/// Every executor takes portable jobs; only those of this process take closures that capture.
#[diagnostic::on_unimplemented(
    message = "this job cannot leave the process",
    label = "not a portable job",
    note = "portable jobs are: `call!(f(a, b))` and `task!([a, b] => ..)`; arguments and result need serde's traits",
    note = "to use a closure that captures, take a `ThreadPoolExecutor` or `&dyn InProcessExecutor`",
    note = "a call with `_` for the worker's state goes to `ProcessPoolExecutor::submit_with_state`"
)]
pub trait PortableJob: Job<Output: Portable> {
    /// What a worker calls.
    #[doc(hidden)]
    fn entry(&self) -> &'static Entry;

    /// Appends what a worker needs for it.
    #[doc(hidden)]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;
}

/// A function that is only code: `fn` items and closures without captures.
#[diagnostic::on_unimplemented(
    message = "this function captures variables, so it cannot leave the process",
    note = "pass what it needs as arguments: `call!(f(x))`, `task!([x] => ..)`"
)]
pub trait Code: Copy + Send + 'static {
    #[doc(hidden)]
    const NO_CAPTURES: () = assert!(
        size_of::<Self>() == 0,
        "a function sent to another process is a fn item or a closure without captures; not a fn pointer, and captures go into call!(f(x)) or task!([x] => ..)"
    );
}

#[diagnostic::do_not_recommend]
impl<F: Copy + Send + 'static> Code for F {}

/// Any error, as text with its chain of causes, able to cross to another process.
///
/// `?` converts into it from every error type; for that reason it is no `Error` itself (like `anyhow::Error`), but it
/// converts into `Box<dyn Error>`.
///
/// # Examples
/// ```
/// use concurrent_futures::PortableError;
///
/// fn parse(text: String) -> Result<u32, PortableError> {
///     Ok(text.parse()?)
/// }
///
/// assert_eq!(parse("x".into()).unwrap_err().to_string(), "invalid digit found in string");
/// ```
#[derive(Clone, Serialize, Deserialize)]
pub struct PortableError {
    /// The error's text, then that of its cause, and so on; never empty when made here.
    chain: Vec<String>,
}

impl<E: Error> From<E> for PortableError {
    fn from(error: E) -> Self {
        let mut chain = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(error) = cause {
            chain.push(error.to_string());
            cause = error.source();
        }
        PortableError { chain }
    }
}

impl fmt::Display for PortableError {
    /// The error; with `{:#}` also its causes, separated by colons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, causes) = self.chain.split_first().map_or(("an error without text", &[][..]), |(a, b)| (a, b));
        f.write_str(first)?;
        if f.alternate() {
            for cause in causes {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for PortableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

/// A link of the chain, as an error with a source.
#[derive(Debug)]
struct Link {
    text: String,
    cause: Option<Box<Link>>,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Link {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl From<PortableError> for Link {
    fn from(error: PortableError) -> Self {
        let mut links = error.chain.into_iter().rev();
        let last = Link { text: links.next().unwrap_or_else(|| "an error without text".to_owned()), cause: None };
        links.fold(last, |cause, text| Link { text, cause: Some(Box::new(cause)) })
    }
}

impl From<PortableError> for Box<dyn Error + Send + Sync> {
    fn from(error: PortableError) -> Self {
        Box::new(Link::from(error))
    }
}

impl From<PortableError> for Box<dyn Error> {
    fn from(error: PortableError) -> Self {
        Box::new(Link::from(error))
    }
}

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no number")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_chain_of_causes_survives_both_conversions() {
        let error = PortableError::from(Outer("x".parse::<u8>().unwrap_err()));
        assert_eq!(error.to_string(), "no number");
        assert_eq!(format!("{error:#}"), "no number: invalid digit found in string");
        let boxed: Box<dyn Error + Send + Sync> = error.into();
        assert_eq!(boxed.to_string(), "no number");
        assert_eq!(boxed.source().unwrap().to_string(), "invalid digit found in string");
    }
}
