//! Memory that is being filled and that nobody looks at yet, and memory that nobody can change any more.

use super::sys::{self, Access, Facts, Mapping};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::Arc;

/// Memory without a mapping; nobody else has its descriptor.
#[derive(Debug)]
pub(crate) struct Unsealed {
    file: File,
    bytes: u64,
}

impl Unsealed {
    /// Nothing yet, to be written.
    pub(super) fn empty() -> io::Result<Self> {
        Ok(Unsealed { file: sys::create()?.into(), bytes: 0 })
    }

    /// All zero, with memory behind it.
    pub(super) fn zeroed(bytes: NonZeroUsize) -> io::Result<Self> {
        let mut made = Self::empty()?;
        made.bytes = bytes.get() as u64;
        sys::reserve(&made.file, made.bytes)?;
        Ok(made)
    }

    pub(super) fn map(&self, access: Access) -> io::Result<Mapping> {
        Mapping::new(&self.file, mappable(self.bytes)?, access)
    }

    /// Takes a mapping for reading from before, and the step after which nothing can fail.
    pub(super) fn seal(self, mapping: Mapping) -> Result<Sealed, (io::Error, Self)> {
        match sys::seal(&self.file, self.bytes) {
            Ok(Facts { inode, .. }) => Ok(Sealed { mapping, descriptor: Arc::new(self.file.into()), inode }),
            Err(cause) => Err((cause, self)),
        }
    }

    fn map_and_seal(self) -> io::Result<Sealed> {
        let mapping = self.map(Access::Read)?;
        self.seal(mapping).map_err(|(cause, _)| cause)
    }
}

/// Appends. Filling memory by writing touches each page once; through a mapping each would be zeroed first.
impl Write for Unsealed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let wanted = self.bytes.saturating_add(bytes.len() as u64);
        sys::room_for(wanted)?;
        let written = self.file.write(bytes).map_err(|cause| sys::explain("cannot be filled", wanted, cause))?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Memory that nobody can change any more, mapped for reading.
#[derive(Debug)]
pub(crate) struct Sealed {
    mapping: Mapping,
    descriptor: Arc<OwnedFd>,
    inode: u64,
}

impl Sealed {
    /// A copy of the bytes, piece after piece; `None` if there are none.
    pub(crate) fn copy_of(pieces: &[&[u8]]) -> io::Result<Option<Self>> {
        if pieces.iter().all(|piece| piece.is_empty()) {
            return Ok(None);
        }
        let mut made = Unsealed::empty()?;
        for piece in pieces {
            made.write_all(piece)?;
        }
        made.map_and_seal().map(Some)
    }

    /// All that the reader has, up to its end, and how many bytes that are; `None` if there are none.
    pub(crate) fn from_reader(mut reader: impl Read) -> io::Result<Option<(Self, NonZeroUsize)>> {
        let mut made = BufWriter::with_capacity(1 << 18, Unsealed::empty()?);
        io::copy(&mut reader, &mut made)?;
        let made = made.into_inner().map_err(io::IntoInnerError::into_error)?;
        if made.bytes == 0 {
            return Ok(None);
        }
        let bytes = mappable(made.bytes)?;
        Ok(Some((made.map_and_seal()?, bytes)))
    }

    /// The first `bytes` of what somebody sent.
    ///
    /// # Errors
    /// If it is not sealed as readers need it, or is shorter.
    pub(crate) fn open(descriptor: Arc<OwnedFd>, bytes: NonZeroUsize) -> io::Result<Self> {
        let facts = sys::check_sealed(&descriptor)?;
        if facts.bytes < bytes.get() as u64 {
            let why = format!("the memory has {} bytes, and {bytes} are asked for", facts.bytes);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let mapping = Mapping::new(&descriptor, bytes, Access::Read)?;
        Ok(Sealed { mapping, descriptor, inode: facts.inode })
    }

    /// All of what somebody sent, and how many bytes that are; `None` if there are none.
    ///
    /// # Errors
    /// If it is not sealed as readers need it.
    pub(crate) fn open_whole(descriptor: OwnedFd) -> io::Result<Option<(Self, NonZeroUsize)>> {
        let bytes = sys::check_sealed(&descriptor)?.bytes;
        if bytes == 0 {
            return Ok(None);
        }
        let bytes = mappable(bytes)?;
        Ok(Some((Self::open(Arc::new(descriptor), bytes)?, bytes)))
    }

    /// All of a file that others may have written so far, which nobody does any more from now on; `None` if it is empty.
    ///
    /// # Errors
    /// If somebody could still write through a mapping, which nobody can take away.
    pub(crate) fn close_off(file: OwnedFd) -> io::Result<Option<(Self, NonZeroUsize)>> {
        sys::seal(&file, 0)?;
        Self::open_whole(file)
    }

    /// Where the bytes begin, at the start of a page: readable until `self` is dropped, and never written again.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.mapping.start()
    }

    /// All of the bytes that are mapped.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.mapping.bytes()
    }

    pub(crate) fn descriptor(&self) -> &Arc<OwnedFd> {
        &self.descriptor
    }

    /// Tells this memory from any other that lives.
    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }
}

/// What there is of a file, if it fits into the address space.
fn mappable(bytes: u64) -> io::Result<NonZeroUsize> {
    let bytes = usize::try_from(bytes).ok().filter(|bytes| isize::try_from(*bytes).is_ok()).and_then(NonZeroUsize::new);
    bytes.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "shared memory of a size that cannot be mapped"))
}
