//! A value that does something bad at one point of its way, and is as good as any other at all others.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// When it goes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Point {
    Encode,
    Decode,
    Drop,
}

/// In which process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Side {
    Parent,
    Worker,
}

/// What it does then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Blast {
    Err,
    Panic,
    Exit(i32),
    Abort,
    Segfault,
    /// Takes so many milliseconds.
    Dawdle(u64),
    /// Never comes to an end.
    Stay,
}

/// See the [module](self).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trap(Recipe);

/// A trap that is not set: what travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    point: Point,
    side: Side,
    blast: Blast,
    /// The process that is the parent.
    parent: u32,
}

impl Recipe {
    /// To be made in the parent.
    pub(crate) fn new(point: Point, side: Side, blast: Blast) -> Self {
        Recipe { point, side, blast, parent: std::process::id() }
    }

    pub(crate) fn set(self) -> Trap {
        Trap(self)
    }

    /// `true`: it is its moment, and it is to be an error.
    fn pass(&self, point: Point) -> bool {
        let side = if std::process::id() == self.parent { Side::Parent } else { Side::Worker };
        if (point, side) != (self.point, self.side) {
            return false;
        }
        match self.blast {
            Blast::Err => return true,
            Blast::Panic if std::thread::panicking() => {}
            Blast::Panic => panic!("a trap goes off"),
            Blast::Exit(code) => {
                super::exit_at_once(code);
            }
            Blast::Abort => {
                super::abort();
            }
            Blast::Segfault => {
                super::segfault();
            }
            Blast::Dawdle(milliseconds) => std::thread::sleep(Duration::from_millis(milliseconds)),
            Blast::Stay => {
                super::stay();
            }
        }
        false
    }
}

impl Serialize for Trap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.pass(Point::Encode) {
            return Err(S::Error::custom("a trap will not be written"));
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let recipe = Recipe::deserialize(deserializer)?;
        if recipe.pass(Point::Decode) {
            return Err(D::Error::custom("a trap will not be read"));
        }
        Ok(Trap(recipe))
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        let errs = self.0.pass(Point::Drop);
        assert!(!errs, "a drop cannot err");
    }
}

/// Takes a trap, and drops it.
pub(crate) fn take(trap: Trap) -> u64 {
    drop(trap);
    1
}

/// Makes one, as its result.
pub(crate) fn give(recipe: Recipe) -> Trap {
    recipe.set()
}
