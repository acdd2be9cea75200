//! Where code and constants are, in words that another process of the same build understands: which object, and how far
//! into it.
//!
//! Every process loads its objects at other addresses, but the same object has the same things at the same places. An
//! object is known by its build id. One that was linked without is known by the very file that it is mapped from
//! (device and inode, as the kernel knows the mapping; a file that is mapped cannot lose them to another), together
//! with its own headers. So a library that is replaced on disk between the start of the parent and that of a worker is
//! another object, and what is looked for in it is not found.

use crate::process::sys::objects::{self, Address, Object, Segment};
use std::fmt;

/// Which object, alike in all processes that have loaded it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ObjectId(pub(in crate::process) u128);

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place in an object, alike in all processes that have loaded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Location {
    pub(crate) object: ObjectId,
    pub(crate) offset: u64,
}

/// What has to be at a place, so that it may be used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// A function begins somewhere there. Whether at exactly that address, nobody can tell; who sent it was asked to be
    /// of the same build.
    Code,
    /// Constants, so many bytes of them, so aligned.
    Constant {
        /// How many.
        bytes: usize,
        /// A power of two.
        align: usize,
    },
}

/// Why a place cannot be used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotThere {
    /// The program, or the library, is not loaded here, or is another build.
    Object(ObjectId),
    /// The object has something else there, or nothing.
    Place(Location),
}

impl fmt::Display for NotThere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotThere::Object(object) => write!(
                f,
                "the program or library with the identity {object} is not loaded here: a library that is loaded at run \
                 time has to be loaded by the initializer, too, and must not be replaced on disk meanwhile"
            ),
            NotThere::Place(Location { object, offset }) => {
                write!(f, "offset {offset:#x} of the program or library {object} is not what it should be")
            }
        }
    }
}

/// Where an address of this process is; `None` if it is in no loaded object, or in one that cannot be told from others.
pub(crate) fn locate(address: *const ()) -> Option<Location> {
    let address = address.addr();
    let object = objects::containing(address)?;
    Some(Location { object: id_of(&object)?, offset: address.wrapping_sub(object.base) as u64 })
}

/// The address of a place in this process, if what is expected is there.
pub(crate) fn resolve(location: Location, expected: Expected) -> Result<*const (), NotThere> {
    let object = objects::all().into_iter().find(|object| id_of(object) == Some(location.object));
    let object = object.ok_or(NotThere::Object(location.object))?;
    let place = usize::try_from(location.offset).ok().and_then(|offset| object.base.checked_add(offset));
    let usable = |address: &Address| match expected {
        Expected::Code => object.is_code(*address),
        Expected::Constant { bytes, align } => {
            *address % align == 0 && address.checked_add(bytes).is_some_and(|end| object.is_constant(&(*address..end)))
        }
    };
    let address = place.filter(usable).ok_or(NotThere::Place(location))?;
    Ok(std::ptr::with_exposed_provenance(address))
}

/// The object's identity, if it can be told from others.
pub(in crate::process) fn id_of(object: &Object) -> Option<ObjectId> {
    let mut hash = Fnv::new();
    if let Some(build_id) = object.build_id() {
        hash.add(b"build id");
        hash.add(build_id);
    } else {
        hash.add(b"file");
        hash.add(file_behind(object)?.as_bytes());
        for Segment { range, readable, writable, executable } in &object.segments {
            hash.add(&range.start.wrapping_sub(object.base).to_le_bytes());
            hash.add(&range.len().to_le_bytes());
            hash.add(&[u8::from(*readable), u8::from(*writable), u8::from(*executable)]);
        }
    }
    Some(ObjectId(hash.0))
}

/// Device and inode of the file that an object is mapped from, as the kernel writes them.
fn file_behind(object: &Object) -> Option<String> {
    let start = object.segments.first()?.range.start;
    file_at(&std::fs::read_to_string("/proc/self/maps").ok()?, start)
}

/// Looks for an address in lines such as `55d0c000-55d0e000 r--p 00000000 fe:01 1234  /usr/bin/cat`.
fn file_at(maps: &str, address: Address) -> Option<String> {
    maps.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let range = Address::from_str_radix(start, 16).ok()?..Address::from_str_radix(end, 16).ok()?;
        let (device, inode) = (words.nth(2)?, words.next()?);
        (range.contains(&address) && inode != "0").then(|| format!("{device} {inode}"))
    })
}

/// The hash of Fowler, Noll and Vo, of 128 bits: alike in every build, and good enough where nobody cheats.
struct Fnv(u128);

impl Fnv {
    fn new() -> Self {
        Fnv(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&(bytes.len() as u64).to_le_bytes()) {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CONSTANT: &str = "of this program";
    const WHOLE: Expected = Expected::Constant { bytes: size_of::<&str>(), align: align_of::<&str>() };

    fn constant() -> *const () {
        (&raw const CONSTANT).cast()
    }

    #[test]
    fn what_is_located_is_resolved_to_the_same_address() {
        let code = what_is_located_is_resolved_to_the_same_address as fn() as *const ();
        assert_eq!(resolve(locate(code).unwrap(), Expected::Code), Ok(code));
        assert_eq!(resolve(locate(constant()).unwrap(), WHOLE), Ok(constant()));
    }

    #[test]
    fn a_place_that_is_something_else_is_refused() {
        static VARIABLE: crate::sync::AtomicU64 = crate::sync::AtomicU64::new(0);
        let here = locate(constant()).unwrap();
        let refused = |location, expected| assert_eq!(resolve(location, expected), Err(NotThere::Place(location)));
        refused(here, Expected::Code);
        refused(Location { offset: here.offset + 1, ..here }, WHOLE);
        refused(here, Expected::Constant { bytes: usize::MAX, align: 1 });
        refused(here, Expected::Constant { bytes: 1 << 40, align: 1 });
        refused(locate((&raw const VARIABLE).cast()).unwrap(), Expected::Constant { bytes: 8, align: 8 });
        let code = a_place_that_is_something_else_is_refused as fn() as *const ();
        refused(locate(code).unwrap(), Expected::Constant { bytes: 1, align: 1 });
        for offset in [1 << 50, u64::MAX, u64::MAX - here.offset] {
            for expected in [Expected::Code, WHOLE] {
                refused(Location { offset, ..here }, expected);
            }
        }
        let strange = Location { object: ObjectId(here.object.0 ^ 1), offset: here.offset };
        assert_eq!(resolve(strange, WHOLE), Err(NotThere::Object(strange.object)));
        assert_eq!(locate(std::ptr::null()), None);
        assert_eq!(locate(Box::new(1u64).as_ref() as *const u64 as *const ()), None);
    }

    #[test]
    fn shared_libraries_have_identities_of_their_own() {
        let objects = objects::all();
        let ids: Vec<ObjectId> = objects.iter().filter_map(id_of).collect();
        assert!(ids.len() > 1, "{objects:?}");
        let different: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        // In a library: the C library's own constants.
        let library = objects.iter().find(|object| !object.is_program && id_of(object).is_some()).unwrap();
        let code = library.segments.iter().find(|segment| segment.executable).unwrap().range.start;
        let code = std::ptr::with_exposed_provenance(code);
        assert_eq!(resolve(locate(code).unwrap(), Expected::Code), Ok(code));
    }

    #[test]
    fn the_file_behind_a_mapping_is_found_in_the_kernels_list() {
        let maps = "1000-2000 r--p 00000000 fe:01 77   /usr/bin/a b\n\
                    2000-3000 rw-p 00000000 00:00 0 \n\
                    damaged\n\
                    f000-ffff r-xp 00000000 fe:01 78 /lib";
        assert_eq!(file_at(maps, 0x1fff).as_deref(), Some("fe:01 77"));
        assert_eq!(file_at(maps, 0x2000), None);
        assert_eq!(file_at(maps, 0xf000).as_deref(), Some("fe:01 78"));
        assert_eq!(file_at(maps, 0xffff_ffff), None);
        let own = &objects::all()[0];
        assert!(file_behind(own).is_some(), "{own:?}");
    }
}
