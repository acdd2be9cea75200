//! What the dynamic loader has loaded: the program and its shared libraries, with their segments.
//!
//! Read from memory, by `dl_iterate_phdr`, and not from files, which may have been replaced since. Only headers that
//! lie in a segment that the object itself says is readable are looked at.
#![expect(unsafe_code, reason = "the headers of loaded objects are raw memory")]

use libc::{
    PF_R, PF_W, PF_X, PT_DYNAMIC, PT_GNU_RELRO, PT_LOAD, PT_NOTE, c_int, c_void, dl_iterate_phdr, dl_phdr_info, size_t,
};
use std::ops::Range;

/// Where a pointer points to.
pub(in crate::process) type Address = usize;

const DT_NULL: usize = 0;
const DT_INIT_ARRAY: usize = 25;
const DT_INIT_ARRAYSZ: usize = 27;

/// Memory of an object that was mapped from its file.
#[derive(Clone, Debug)]
pub(in crate::process) struct Segment {
    pub(in crate::process) range: Range<Address>,
    pub(in crate::process) readable: bool,
    pub(in crate::process) writable: bool,
    pub(in crate::process) executable: bool,
}

/// The program itself, or a shared library.
#[derive(Clone, Debug)]
pub(in crate::process) struct Object {
    /// What its own addresses count from.
    pub(in crate::process) base: Address,
    /// The first that the loader names: the program.
    pub(in crate::process) is_program: bool,
    pub(in crate::process) segments: Vec<Segment>,
    /// What was writable while the object was loaded, and is not any more.
    relro: Option<Range<Address>>,
    dynamic: Option<Range<Address>>,
    notes: Vec<Range<Address>>,
}

/// The loaded objects, in the loader's order.
pub(in crate::process) fn all() -> Vec<Object> {
    unsafe extern "C" fn note(info: *mut dl_phdr_info, _: size_t, list: *mut c_void) -> c_int {
        // SAFETY: the loader passes on what `all` gave it, and calls only while `all` waits.
        let list = unsafe { &mut *list.cast::<Vec<Object>>() };
        // SAFETY: the loader's own record, which it keeps for the length of this call.
        let info = unsafe { &*info };
        if !info.dlpi_phdr.is_null() {
            // SAFETY: so many headers are there, by the same record, and nobody writes to them.
            let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
            list.push(Object::read(info.dlpi_addr as Address, headers, list.is_empty()));
        }
        0
    }
    let mut list: Vec<Object> = Vec::new();
    // SAFETY: `note` has the signature that is asked for, and `list` outlives the call.
    unsafe { dl_iterate_phdr(Some(note), (&raw mut list).cast()) };
    list
}

/// The object that has this address in one of its segments.
pub(in crate::process) fn containing(address: Address) -> Option<Object> {
    all().into_iter().find(|object| object.segments.iter().any(|segment| segment.range.contains(&address)))
}

#[cfg(target_pointer_width = "64")]
type Header = libc::Elf64_Phdr;
#[cfg(target_pointer_width = "32")]
type Header = libc::Elf32_Phdr;

impl Object {
    fn read(base: Address, headers: &[Header], is_program: bool) -> Self {
        let mut object =
            Object { base, is_program, segments: Vec::new(), relro: None, dynamic: None, notes: Vec::new() };
        for header in headers {
            let start = base.wrapping_add(header.p_vaddr as usize);
            let range = start..start.saturating_add(header.p_memsz as usize);
            match header.p_type {
                PT_LOAD => object.segments.push(Segment {
                    range,
                    readable: header.p_flags & PF_R != 0,
                    writable: header.p_flags & PF_W != 0,
                    executable: header.p_flags & PF_X != 0,
                }),
                PT_DYNAMIC => object.dynamic = Some(range),
                PT_NOTE => object.notes.push(range),
                PT_GNU_RELRO => object.relro = Some(range),
                _ => {}
            }
        }
        object
    }

    /// The object's own bytes there, unless it has none that can be read.
    fn bytes(&self, range: &Range<Address>) -> Option<&[u8]> {
        let inside = |segment: &&Segment| segment.range.start <= range.start && range.end <= segment.range.end;
        self.segments.iter().filter(|segment| segment.readable).find(inside)?;
        // SAFETY: the loader mapped this segment, readable, and the object stays loaded: it is the program, or holds
        // code or constants that somebody on the stack is using. Notes and tables of the loader do not change.
        Some(unsafe { std::slice::from_raw_parts(range.start as *const u8, range.len()) })
    }

    /// What the linker wrote into the object to tell it from all others; not every linker does.
    pub(in crate::process) fn build_id(&self) -> Option<&[u8]> {
        self.notes.iter().find_map(|range| build_id_in(self.bytes(range)?))
    }

    /// Whether so many bytes there are constants: nobody can have changed them since the object was loaded.
    ///
    /// Constants that hold addresses lie in memory that is made read-only once those have been filled in; in an object
    /// that was linked without that, they lie among its variables, and that has to do.
    pub(in crate::process) fn is_constant(&self, range: &Range<Address>) -> bool {
        let within = |outer: &Range<Address>| outer.start <= range.start && range.end <= outer.end;
        if self.relro.as_ref().is_some_and(within) {
            return true;
        }
        self.segments.iter().any(|segment| {
            let constant = !segment.executable && (!segment.writable || self.relro.is_none());
            segment.readable && constant && within(&segment.range)
        })
    }

    /// Whether code is there.
    pub(in crate::process) fn is_code(&self, address: Address) -> bool {
        self.segments.iter().any(|segment| segment.executable && !segment.writable && segment.range.contains(&address))
    }

    /// What the loader calls before `main`, in order; nothing, if the object does not say so itself (a program that is
    /// linked statically and at a fixed address).
    pub(in crate::process) fn initialisers(&self) -> Option<Range<Address>> {
        let words: Vec<usize> = words(self.bytes(self.dynamic.as_ref()?)?).collect();
        let entries = || words.chunks_exact(2).take_while(|entry| entry[0] != DT_NULL);
        let value = |tag| entries().find(|entry| entry[0] == tag).map(|entry| entry[1]);
        let start = self.base.wrapping_add(value(DT_INIT_ARRAY)?);
        let range = start..start.checked_add(value(DT_INIT_ARRAYSZ)?)?;
        self.bytes(&range).is_some().then_some(range)
    }

    /// The words of a table of this object's.
    pub(in crate::process) fn table(&self, range: &Range<Address>) -> Vec<usize> {
        self.bytes(range).map(|bytes| words(bytes).collect()).unwrap_or_default()
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let word = |word: &[u8]| word.try_into().map(usize::from_ne_bytes).unwrap_or_default();
    bytes.chunks_exact(size_of::<usize>()).map(word)
}

/// Finds the build id among notes: three words (the lengths of name and content, the kind), then both, padded.
fn build_id_in(mut notes: &[u8]) -> Option<&[u8]> {
    const NT_GNU_BUILD_ID: u32 = 3;
    loop {
        let (head, rest) = notes.split_at_checked(12)?;
        let word = |at: usize| head[at..at + 4].try_into().map(u32::from_ne_bytes).unwrap_or_default();
        let (name_length, length) = (word(0) as usize, word(4) as usize);
        let (name, rest) = rest.split_at_checked(name_length.checked_next_multiple_of(4)?)?;
        let content = rest.get(..length)?;
        if word(8) == NT_GNU_BUILD_ID && name.starts_with(b"GNU\0") && length > 0 {
            return Some(content);
        }
        // The last note need not be padded.
        notes = rest.get(length.checked_next_multiple_of(4)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_found_with_its_code_and_constants() {
        static CONSTANT: &fn() = &(this_program_is_found_with_its_code_and_constants as fn());
        static VARIABLE: crate::sync::AtomicBool = crate::sync::AtomicBool::new(false);
        let code = this_program_is_found_with_its_code_and_constants as fn() as usize;
        let object = containing(code).expect("this very code is somewhere");
        assert!(object.is_program);
        assert!(object.is_code(code));
        let constant = &raw const *CONSTANT as usize;
        assert!(object.is_constant(&(constant..constant + size_of::<fn()>())));
        let variable = &raw const VARIABLE as usize;
        assert!(!object.is_constant(&(variable..variable + 1)));
        assert!(!object.is_code(constant) && !object.is_code(variable));
        assert!(!object.is_constant(&(code..code + 1)));
    }

    #[test]
    fn the_stack_and_the_heap_belong_to_no_object() {
        let local = 7u64;
        assert!(containing(&raw const local as usize).is_none());
        assert!(containing(Box::new(local).as_ref() as *const u64 as usize).is_none());
    }

    #[test]
    fn the_initialisers_of_this_program_are_code() {
        let object = all().into_iter().next().expect("at least the program");
        let table = object.table(&object.initialisers().expect("a program with a dynamic section"));
        assert!(!table.is_empty());
        assert!(table.iter().all(|entry| object.is_code(*entry)), "{table:x?}");
    }

    #[test]
    fn a_build_id_is_found_behind_other_notes_and_damage_is_no_harm() {
        let note = |kind: u32, name: &[u8], content: &[u8]| {
            let mut note = Vec::new();
            for word in [name.len() as u32, content.len() as u32, kind] {
                note.extend(word.to_ne_bytes());
            }
            for part in [name, content] {
                note.extend(part);
                note.resize(note.len().next_multiple_of(4), 0);
            }
            note
        };
        let notes = [note(5, b"GNU\0", b"property"), note(3, b"Go\0\0", b"no"), note(3, b"GNU\0", b"12345")].concat();
        assert_eq!(build_id_in(&notes), Some(&b"12345"[..]));
        for length in 0..notes.len() - 3 {
            assert_eq!(build_id_in(&notes[..length]), None, "{length}");
        }
        assert_eq!(build_id_in(&[0xff; 64]), None);
        assert_eq!(build_id_in(&[0; 64]), None);
    }
}
