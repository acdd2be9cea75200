//! The handle for writing, of which there is one.
#![expect(unsafe_code, reason = "a slice over mapped memory")]

use super::element::{Plain, bytes_of};
use super::slice::SharedSlice;
use crate::memfd::{Unsealed, Writable};
use std::error::Error;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A slice that its only owner writes, before it is shared; made by [`SharedSlice::zeroed`].
///
/// It dereferences to `[T]`, also mutably, and can be moved to another thread. It cannot be sent to another process:
/// what is sent may have to be sent twice (a worker dies before it begins, a task is retried), and two processes must
/// not write the same elements. A worker that makes a large result makes its own writer, and returns the frozen slice;
/// nothing is copied that way either.
///
/// # Examples
/// Threads that fill the parts of one slice:
/// ```
/// use concurrent_futures::{ThreadPoolExecutor, shared_memory::SharedSlice};
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let mut squares = SharedSlice::<u64>::zeroed(1000)?;
/// pool.scope(|s| {
///     for (part, elements) in squares.chunks_mut(100).enumerate() {
///         s.submit(move || {
///             for (i, element) in elements.iter_mut().enumerate() {
///                 *element = ((part * 100 + i) as u64).pow(2);
///             }
///         });
///     }
/// });
/// let squares = squares.freeze()?;
/// assert_eq!(squares[999], 998_001);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SharedSliceMut<T> {
    /// The first element: of `memory`, or dangling where there is none. The memory holds `len` elements from there on
    /// for as long as it lives, is aligned for them, and belongs to `self` alone.
    start: NonNull<T>,
    len: usize,
    /// `None` for a slice without elements, for which nothing is mapped.
    memory: Option<Writable>,
}

// SAFETY: the elements belong to `self`, and the memory to the process.
unsafe impl<T: Send> Send for SharedSliceMut<T> {}
// SAFETY: through a shared reference the elements are only read.
unsafe impl<T: Sync> Sync for SharedSliceMut<T> {}

impl<T: Plain> SharedSliceMut<T> {
    pub(super) fn zeroed(len: usize) -> io::Result<Self> {
        Ok(bytes_of::<T>(len)?
            .map(Writable::zeroed)
            .transpose()?
            .map_or_else(Self::empty, |memory| Self::over(memory, len)))
    }

    fn empty() -> Self {
        SharedSliceMut { start: NonNull::dangling(), len: 0, memory: None }
    }

    /// The slice of memory that has that many elements.
    fn over(memory: Writable, len: usize) -> Self {
        SharedSliceMut { start: memory.start().cast(), len, memory: Some(memory) }
    }

    /// The elements, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self
    }

    /// Ends the writing, for ever and for everybody: a slice that can be shared. Copies nothing.
    ///
    /// # Errors
    /// The kernel refuses while anything else can still write to the memory: input or output into it that is under way
    /// (`O_DIRECT`, io_uring), or a process that was forked from this one without an `exec` (std's `Command` does that
    /// for a moment if it has a `pre_exec`). The error [gives the writer back](FreezeError::into_writer), with what was
    /// written, to try again.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::shared_memory::SharedSlice;
    ///
    /// let mut writer = SharedSlice::zeroed(3)?;
    /// writer.copy_from_slice(&[1u8, 2, 3]);
    /// assert_eq!(*writer.freeze()?, [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn freeze(self) -> Result<SharedSlice<T>, FreezeError<T>> {
        let SharedSliceMut { len, memory, .. } = self;
        match memory.map(Writable::freeze) {
            None => Ok(SharedSlice::default()),
            Some(Ok(memory)) => Ok(SharedSlice::over(memory, len)),
            Some(Err((cause, memory))) => Err(FreezeError { cause, memory, len, element: PhantomData }),
        }
    }
}

impl<T: Plain> Deref for SharedSliceMut<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: see `start`. Any bits are a value of a plain type, and whoever writes borrows `self` mutably.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Plain> DerefMut for SharedSliceMut<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: see `start`; `self` is borrowed for as long as the slice.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: Plain> AsRef<[T]> for SharedSliceMut<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: Plain> AsMut<[T]> for SharedSliceMut<T> {
    fn as_mut(&mut self) -> &mut [T] {
        self
    }
}

/// The type and the length.
impl<T> fmt::Debug for SharedSliceMut<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedSliceMut<{}>[{}]", std::any::type_name::<T>(), self.len)
    }
}

/// A writer could not be [frozen](SharedSliceMut::freeze). It still has what was written.
pub struct FreezeError<T> {
    cause: io::Error,
    memory: Unsealed,
    len: usize,
    element: PhantomData<T>,
}

impl<T: Plain> FreezeError<T> {
    /// The writer, with what was written, to go on or to freeze it again.
    ///
    /// # Errors
    /// If its memory, which had to be unmapped, cannot be mapped again: the address space is full. Nothing is lost; the
    /// new error can be asked again.
    pub fn into_writer(self) -> Result<SharedSliceMut<T>, Self> {
        let FreezeError { memory, len, element, .. } = self;
        match Writable::map(memory) {
            Ok(memory) => Ok(SharedSliceMut::over(memory, len)),
            Err((cause, memory)) => Err(FreezeError { cause, memory, len, element }),
        }
    }
}

impl<T> FreezeError<T> {
    /// Why: what the system said.
    pub fn cause(&self) -> &io::Error {
        &self.cause
    }
}

impl<T> fmt::Display for FreezeError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a writer of {} elements cannot be frozen (`into_writer` has it): {}", self.len, self.cause)
    }
}

impl<T> fmt::Debug for FreezeError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreezeError").field("cause", &self.cause).field("len", &self.len).finish_non_exhaustive()
    }
}

impl<T> Error for FreezeError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
