//! The handle for reading.
#![expect(unsafe_code, reason = "a slice over mapped memory")]

use super::element::{Plain, bytes_of};
use super::writer::SharedSliceMut;
use crate::memfd::Sealed;
use std::fmt;
use std::io::{self, Read};
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;

/// A slice in memory that processes share: made once, passed to other processes as a handle, mapped there without a
/// copy, and read by all of them.
///
/// It dereferences to `[T]`. Cloning it, and sending it to a worker as an argument or back as a result, costs the same
/// whatever its length. What it holds never changes, and the kernel sees to that; to fill it piece by piece, begin with
/// [`zeroed`](Self::zeroed).
///
/// Each slice that is not empty keeps one descriptor open, shared by its clones. See [the module](super) for how it
/// compares with Python's.
///
/// serde's traits are for the frames of the crate's own engines: a slice cannot be written to a file, because a
/// descriptor cannot; serialize the elements (`&shared[..]`) for that.
///
/// # Examples
/// ```
/// use concurrent_futures::{Executor, ThreadPoolExecutor, call, shared_memory::SharedSlice};
///
/// fn total(numbers: SharedSlice<f64>, factor: f64) -> f64 {
///     numbers.iter().sum::<f64>() * factor
/// }
///
/// let numbers = SharedSlice::copy_from(&[1.0, 2.0])?;
/// let pool = ThreadPoolExecutor::new(2)?;
/// let executor: &dyn Executor = &pool;
/// assert_eq!(executor.submit(call!(total(numbers.clone(), 2.0))).result(None)?, 6.0);
/// assert_eq!(numbers.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SharedSlice<T> {
    /// The first element: of `memory`, or dangling where there is none. The memory holds `len` elements from there on
    /// for as long as it lives, is aligned for them, and is never written.
    start: NonNull<T>,
    len: usize,
    /// `None` for a slice without elements, for which nothing is mapped.
    memory: Option<Arc<Sealed>>,
}

/// Bytes in memory that processes share.
///
/// As it is `AsRef<[u8]>`, a [`Cursor`](io::Cursor) reads from it, and `bytes::Bytes::from_owner` takes it.
pub type SharedBytes = SharedSlice<u8>;

// SAFETY: elements are only ever read; the memory belongs to the process, and its count is atomic.
unsafe impl<T: Send + Sync> Send for SharedSlice<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Send + Sync> Sync for SharedSlice<T> {}

impl<T: Plain> SharedSlice<T> {
    /// A copy of these elements.
    ///
    /// # Errors
    /// If the system gives no memory (a machine that has less than that, the process's limit on the size of files) or no
    /// descriptor; the error names the size and says what to do. Where the limit of a container is lower than what the
    /// machine has, the kernel may end a process instead of refusing memory.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::shared_memory::SharedSlice;
    ///
    /// let shared = SharedSlice::copy_from(&[2u32, 3, 5])?;
    /// assert_eq!(shared[1..], [3, 5]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn copy_from(elements: &[T]) -> io::Result<Self> {
        let () = T::FITS;
        let memory = Sealed::copy_of(&[bytemuck::cast_slice(elements)])?;
        Ok(memory.map_or_else(Self::default, |memory| Self::over(memory, elements.len())))
    }

    /// So many zeros, in memory that this process writes; [`freeze`](SharedSliceMut::freeze) makes a slice of it.
    ///
    /// The memory is reserved at once, so that nothing fails at the first touch.
    ///
    /// # Errors
    /// As of [`copy_from`](Self::copy_from), and if `len` elements are more than any address space has.
    ///
    /// # Examples
    /// A file of numbers, read without a copy in between:
    /// ```
    /// use concurrent_futures::shared_memory::SharedSlice;
    /// use std::io::Read;
    ///
    /// let mut file = &[0u8, 0, 0, 64, 0, 0, 64, 64][..];
    /// let mut numbers = SharedSlice::<f32>::zeroed(2)?;
    /// file.read_exact(bytemuck::cast_slice_mut(&mut numbers))?;
    /// assert_eq!(*numbers.freeze()?, [2.0, 3.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn zeroed(len: usize) -> io::Result<SharedSliceMut<T>> {
        SharedSliceMut::zeroed(len)
    }

    /// All of the memory behind a descriptor that came from elsewhere: by a socket of one's own, say.
    ///
    /// The descriptor must be of a memfd that is sealed against being written (`F_SEAL_WRITE`; `F_SEAL_FUTURE_WRITE` is
    /// not enough) and against being made shorter (`F_SEAL_SHRINK`). That is read from the descriptor, so that the
    /// sender need not be trusted; what the bytes mean has to be known.
    ///
    /// # Errors
    /// If it is not sealed like that, if its length is not that of whole elements, or if it cannot be mapped.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::shared_memory::SharedSlice;
    ///
    /// let numbers = SharedSlice::copy_from(&[1u64, 2])?;
    /// let descriptor = numbers.descriptor().expect("it is not empty").try_clone_to_owned()?;
    /// assert_eq!(SharedSlice::<u64>::from_descriptor(descriptor)?, numbers);
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// assert!(SharedSlice::<u8>::from_descriptor(file.into()).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_descriptor(descriptor: OwnedFd) -> io::Result<Self> {
        let () = T::FITS;
        let Some((memory, bytes)) = Sealed::open_whole(descriptor)? else {
            return Ok(Self::default());
        };
        let (len, rest) = (bytes.get() / size_of::<T>(), bytes.get() % size_of::<T>());
        if rest != 0 {
            let why = format!("the memory has {bytes} bytes, which are no whole elements of {}", size_of::<T>());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(Self::over(memory, len))
    }

    /// The slice of the first elements of some memory, which has that many.
    pub(super) fn over(memory: Sealed, len: usize) -> Self {
        SharedSlice { start: memory.start().cast(), len, memory: Some(Arc::new(memory)) }
    }

    /// The first `len` elements of memory that somebody sent.
    pub(super) fn open(descriptor: Arc<OwnedFd>, inode: u64, len: usize) -> io::Result<Self> {
        let Some(bytes) = bytes_of::<T>(len)? else {
            return Ok(Self::default());
        };
        let memory = Sealed::open(descriptor, bytes)?;
        if memory.inode() != inode {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the descriptor is that of other memory"));
        }
        Ok(Self::over(memory, len))
    }
}

impl SharedBytes {
    /// All that a reader has, up to its end.
    ///
    /// A reader without an end would fill the memory; [`Read::take`] limits it.
    ///
    /// # Errors
    /// Those of the reader, as they are, and those of [`copy_from`](Self::copy_from).
    ///
    /// # Panics
    /// If the reader does.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::shared_memory::SharedBytes;
    ///
    /// let manifest = SharedBytes::from_reader(std::fs::File::open("Cargo.toml")?)?;
    /// assert!(manifest.starts_with(b"["));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_reader(reader: impl Read) -> io::Result<Self> {
        let memory = Sealed::from_reader(reader)?;
        Ok(memory.map_or_else(Self::default, |(memory, bytes)| Self::over(memory, bytes.get())))
    }
}

impl<T> SharedSlice<T> {
    /// The descriptor of the memory, to be passed on by other means than this crate's; `None` if there are no elements.
    ///
    /// It is closed on exec. Nobody can change the memory by it.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.memory.as_ref().map(|memory| memory.descriptor().as_fd())
    }

    pub(super) fn memory(&self) -> Option<&Sealed> {
        self.memory.as_deref()
    }
}

impl<T: Plain> Deref for SharedSlice<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: see `start`. Any bits are a value of a plain type, and nobody writes them, in this process or another.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> Clone for SharedSlice<T> {
    /// Another handle to the same memory.
    fn clone(&self) -> Self {
        SharedSlice { start: self.start, len: self.len, memory: self.memory.clone() }
    }
}

impl<T> Default for SharedSlice<T> {
    /// No elements, and nothing mapped.
    fn default() -> Self {
        SharedSlice { start: NonNull::dangling(), len: 0, memory: None }
    }
}

impl<T: Plain> AsRef<[T]> for SharedSlice<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<'a, T: Plain> IntoIterator for &'a SharedSlice<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// By the elements.
impl<T: Plain + PartialEq> PartialEq for SharedSlice<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Plain + Eq> Eq for SharedSlice<T> {}

/// The type and the length; the elements, of which there may be a great many, are `{:?}` of `&shared[..]`.
impl<T> fmt::Debug for SharedSlice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedSlice<{}>[{}]", std::any::type_name::<T>(), self.len)
    }
}
