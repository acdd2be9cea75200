//! Functions and entries by their places: where they are in their object, which every process of the same build has.
#![expect(unsafe_code, reason = "an entry at an address that was checked")]

use crate::process::launch::{Expected, Location, ObjectId, locate, resolve};
use crate::sync::Mutex;
use crate::wire::{CodeMap, Entry, MAGIC, MAKER_MAGIC, Maker, Place};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What this process has asked for before; asking the loader takes a microsecond.
#[derive(Default)]
pub(in crate::process) struct CodeTable {
    places: Mutex<HashMap<usize, Place>>,
    /// The entries' places and signatures, by their addresses.
    own: Mutex<HashMap<usize, (Place, u64)>>,
    functions: Mutex<HashMap<Place, usize>>,
    entries: Mutex<HashMap<Place, (&'static Entry, u64)>>,
}

/// What an entry's types are called, as a number: the same in both processes, since they are the same build.
pub(in crate::process) fn signature(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

fn place_of(location: Location) -> Place {
    let mut place = Place::default();
    place[..16].copy_from_slice(&location.object.0.to_le_bytes());
    place[16..].copy_from_slice(&location.offset.to_le_bytes());
    place
}

fn location_of(place: &Place) -> Location {
    let (mut object, mut offset) = ([0; 16], [0; 8]);
    object.copy_from_slice(&place[..16]);
    offset.copy_from_slice(&place[16..]);
    Location { object: ObjectId(u128::from_le_bytes(object)), offset: u64::from_le_bytes(offset) }
}

impl CodeMap for CodeTable {
    fn locate(&self, address: *const ()) -> Result<Place, String> {
        if let Some(place) = self.places.lock().get(&address.addr()) {
            return Ok(*place);
        }
        let location = locate(address).ok_or("the function is not in any object that is loaded here")?;
        let place = place_of(location);
        self.places.lock().insert(address.addr(), place);
        Ok(place)
    }
}

impl CodeTable {
    /// Where an entry of this process is, and its signature.
    pub(in crate::process) fn name(&self, entry: &'static Entry) -> Result<(Place, u64), String> {
        let address = std::ptr::from_ref(entry);
        if let Some(known) = self.own.lock().get(&address.addr()) {
            return Ok(*known);
        }
        let name = (self.locate(address.cast())?, signature(entry.name()));
        self.own.lock().insert(address.addr(), name);
        Ok(name)
    }

    /// The function that begins at a place.
    pub(in crate::process) fn function(&self, place: &Place) -> Result<*const (), String> {
        if let Some(address) = self.functions.lock().get(place) {
            return Ok(std::ptr::with_exposed_provenance(*address));
        }
        let address = resolve(location_of(place), Expected::Code).map_err(|error| error.to_string())?;
        self.functions.lock().insert(*place, address.expose_provenance());
        Ok(address)
    }

    /// The entry at a place, if it is one of that signature.
    pub(in crate::process) fn entry(&self, place: &Place, wanted: u64) -> Result<&'static Entry, String> {
        let known = self.entries.lock().get(place).copied();
        let (entry, found) = match known {
            Some(known) => known,
            None => {
                let address = constant::<Entry>(place, MAGIC)?;
                // SAFETY: `constant` has seen that it is there.
                let entry: &'static Entry = unsafe { &*address };
                let known = (entry, signature(entry.name()));
                self.entries.lock().insert(*place, known);
                known
            }
        };
        if found == wanted { Ok(entry) } else { Err(format!("the entry there is of {}", entry.name())) }
    }

    /// The same for what makes a worker's state, which is asked for once.
    pub(in crate::process) fn maker(&self, place: &Place, wanted: u64) -> Result<&'static Maker, String> {
        let address = constant::<Maker>(place, MAKER_MAGIC)?;
        // SAFETY: `constant` has seen that it is there.
        let maker: &'static Maker = unsafe { &*address };
        if signature(maker.name()) == wanted {
            Ok(maker)
        } else {
            Err(format!("the maker there is of {}", maker.name()))
        }
    }
}

/// Where a constant is that begins with its own magic number.
fn constant<T>(place: &Place, magic: u64) -> Result<*const T, String> {
    let expected = Expected::Constant { bytes: size_of::<T>(), align: align_of::<T>() };
    let address = resolve(location_of(place), expected).map_err(|error| error.to_string())?;
    // SAFETY: the place lies in constants of this program, all of it, and is aligned; any bytes make a number.
    let found = unsafe { address.cast::<u64>().read() };
    if found == magic { Ok(address.cast()) } else { Err("there is no entry at the place that was sent".to_owned()) }
}
