//! Which types can be shared: plain data.

use bytemuck::Pod;
use std::io;
use std::num::NonZeroUsize;

/// The smallest page there is, on which mappings begin.
const PAGE: usize = 4096;

/// What a [`SharedSlice`](super::SharedSlice) can hold: plain data, all of whose bits mean something and can mean
/// anything, and that is `Send` and `Sync`. Implemented for every such type.
///
/// That is what the `bytemuck` crate calls [`Pod`]: integers, floating-point numbers, arrays of such, and structs of
/// them that derive it (`#[derive(Clone, Copy, Pod, Zeroable)] #[repr(C)]`, with bytemuck's feature `derive`). No
/// `bool` or `char`, of which not all bit patterns are values, and nothing with references.
///
/// Types without a size, and types aligned to more than 4096 bytes, are refused while the program is compiled.
///
/// # Examples
/// ```
/// use concurrent_futures::shared_memory::{Plain, SharedSlice};
///
/// fn share_twice<T: Plain>(element: T) -> std::io::Result<SharedSlice<T>> {
///     SharedSlice::copy_from(&[element, element])
/// }
///
/// assert_eq!(*share_twice([0.5, 1.5])?, [[0.5, 1.5], [0.5, 1.5]]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not plain data, so processes cannot share it",
    label = "not `bytemuck::Pod + Send + Sync`",
    note = "numbers and arrays of numbers are plain data; of your own types, those that derive `bytemuck::Pod`"
)]
pub trait Plain: Pod + Send + Sync {
    #[doc(hidden)]
    const FITS: () = {
        assert!(size_of::<Self>() > 0, "a type of size zero has nothing that processes could share");
        assert!(align_of::<Self>() <= PAGE, "shared memory is aligned to 4096 bytes, and this type wants more");
    };
}

#[diagnostic::do_not_recommend]
impl<T: Pod + Send + Sync> Plain for T {}

/// How many bytes so many elements take; `None`: none at all.
///
/// # Errors
/// If they would not fit into any address space.
pub(super) fn bytes_of<T: Plain>(len: usize) -> io::Result<Option<NonZeroUsize>> {
    let () = T::FITS;
    let bytes = len.checked_mul(size_of::<T>()).filter(|bytes| isize::try_from(*bytes).is_ok());
    let too_many = || {
        let why = format!("{len} elements of {} bytes do not fit into the address space", size_of::<T>());
        io::Error::new(io::ErrorKind::InvalidInput, why)
    };
    bytes.map(NonZeroUsize::new).ok_or_else(too_many)
}
