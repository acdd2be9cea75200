//! procspawn's pool. A worker is this program too; `main` begins with its `init`.

use super::{kill_itself, trivial};
use crate::Failure;
use procspawn::Pool;
use serde_bytes::ByteBuf;
use std::collections::VecDeque;

pub(crate) struct Procspawn(Pool);

impl Procspawn {
    pub(crate) const NAME: &'static str = "procspawn";

    pub(crate) fn start(processes: usize) -> Result<Self, Failure> {
        Ok(Procspawn(Pool::new(processes)?))
    }

    /// The next begins when the last has come back.
    pub(crate) fn one_by_one(&self, count: u64) -> Result<u64, Failure> {
        let mut sum = 0;
        for number in 0..count {
            sum += self.0.spawn(number, trivial).join()?;
        }
        Ok(sum)
    }

    /// Few are under way at a time, which is enough for all processes: each has open descriptors, of which a process
    /// may have 1,024 where nobody has raised that.
    pub(crate) fn in_bulk(&self, count: u64) -> Result<u64, Failure> {
        let (mut sum, mut under_way) = (0, VecDeque::new());
        for number in 0..count {
            if under_way.len() == 64 {
                sum += under_way.pop_front().map_or(Ok(0), procspawn::JoinHandle::join)?;
            }
            under_way.push_back(self.0.spawn(number, trivial));
        }
        for handle in under_way {
            sum += handle.join()?;
        }
        Ok(sum)
    }

    /// There and back. `ByteBuf` spares serde to go through them one by one.
    pub(crate) fn echo(&self, bytes: ByteBuf) -> Result<ByteBuf, Failure> {
        Ok(self.0.spawn(bytes, |bytes| bytes).join()?)
    }

    /// A call kills its worker; when that is known, another does something. Gives which process did.
    ///
    /// (The worker ends by itself, because its death from outside is found by the next call only, and panics there.)
    pub(crate) fn kill_and_go_on(&self) -> Result<u32, Failure> {
        match self.0.spawn((), |()| kill_itself()).join() {
            Err(_) => Ok(self.0.spawn((), |()| std::process::id()).join()?),
            Ok(()) => Err("a worker that killed itself goes on".into()),
        }
    }
}
