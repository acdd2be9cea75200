//! The table: what can blow up, how far the task is, what is done with its future; and how it has to end.

use crate::torture::Blast;
use concurrent_futures::TaskError;

/// What blows up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    Job(Blast),
    Capture(Blast),
    Value(Blast),
    Callback(Blast),
    Waker(Blast),
}

/// How far the task is when something is done with its future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Running,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Cancel,
    RequestCancel,
    CancelOnDrop,
    Drop,
    Result,
    Exception,
    WaitAll,
    WaitFirst,
    AsCompleted,
    Await,
    PollAgain,
    PollAndDrop,
    AddCallback,
    Shared,
    Fallible,
    FallibleCancel,
    FallibleDrop,
    /// Threads, wakers and a wait for many, and then it ends.
    Crowd,
    /// The same, and then it is cancelled.
    CrowdCancel,
}

const FAULTS: [Fault; 11] = [
    Fault::Nothing,
    Fault::Job(Blast::Text),
    Fault::Job(Blast::Payload),
    Fault::Capture(Blast::Text),
    Fault::Capture(Blast::Payload),
    Fault::Value(Blast::Text),
    Fault::Value(Blast::Payload),
    Fault::Callback(Blast::Text),
    Fault::Callback(Blast::Payload),
    Fault::Waker(Blast::Text),
    Fault::Waker(Blast::Payload),
];

const STATES: [State; 3] = [State::Pending, State::Running, State::Done];

const ACTIONS: [Action; 19] = [
    Action::Cancel,
    Action::RequestCancel,
    Action::CancelOnDrop,
    Action::Drop,
    Action::Result,
    Action::Exception,
    Action::WaitAll,
    Action::WaitFirst,
    Action::AsCompleted,
    Action::Await,
    Action::PollAgain,
    Action::PollAndDrop,
    Action::AddCallback,
    Action::Shared,
    Action::Fallible,
    Action::FallibleCancel,
    Action::FallibleDrop,
    Action::Crowd,
    Action::CrowdCancel,
];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Combination {
    pub(crate) fault: Fault,
    pub(crate) state: State,
    pub(crate) action: Action,
    /// Whether there are callbacks from the start; without them the task ends by its short way.
    pub(crate) watched: bool,
}

impl Combination {
    /// Whether what is to blow up is there at all.
    fn makes_sense(self) -> bool {
        let polled =
            matches!(self.action, Action::PollAgain | Action::PollAndDrop | Action::Crowd | Action::CrowdCancel);
        match self.fault {
            Fault::Callback(_) => self.watched || self.action == Action::AddCallback,
            Fault::Waker(_) => polled,
            _ => true,
        }
    }

    pub(crate) fn blast(self, of: fn(Blast) -> Fault) -> Blast {
        [Blast::Text, Blast::Payload].into_iter().find(|blast| of(*blast) == self.fault).unwrap_or(Blast::Dud)
    }

    pub(crate) fn is_cancelled(self) -> bool {
        let cancels = matches!(
            self.action,
            Action::Cancel
                | Action::RequestCancel
                | Action::CancelOnDrop
                | Action::FallibleCancel
                | Action::CrowdCancel
        );
        cancels && self.state == State::Pending
    }

    pub(crate) fn expected(self) -> End {
        match self.fault {
            _ if self.is_cancelled() => End::Cancelled,
            Fault::Job(_) | Fault::Capture(_) => End::Panicked,
            _ => End::Value,
        }
    }
}

/// How a task ended, as somebody saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Value,
    Panicked,
    Cancelled,
    /// Something that no combination may come to.
    Other,
}

impl End {
    pub(crate) fn of<T>(outcome: Result<T, &TaskError>) -> End {
        match outcome {
            Ok(_) => End::Value,
            Err(TaskError::Panicked(_)) => End::Panicked,
            Err(TaskError::Cancelled) => End::Cancelled,
            Err(_) => End::Other,
        }
    }
}

pub(crate) fn table() -> Vec<Combination> {
    let mut table = Vec::new();
    for fault in FAULTS {
        for state in STATES {
            for action in ACTIONS {
                for watched in [false, true] {
                    table.push(Combination { fault, state, action, watched });
                }
            }
        }
    }
    table.retain(|combination| combination.makes_sense());
    table
}
