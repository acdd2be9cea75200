//! How a slice goes to another process: its ticket among the bytes of a frame, its descriptor beside them.

use super::element::Plain;
use super::slice::SharedSlice;
use crate::wire::attachments::{self, Unclaimed};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::any::type_name;
use std::borrow::Cow;
use std::fmt::Display;

/// What the bytes say of a slice. All of it is compared with the descriptor on arrival.
#[derive(Serialize, Deserialize)]
#[serde(rename = "SharedSlice")]
struct Ticket<'a> {
    /// The name of the type, which both sides, being the same program, know by the same name.
    element: Cow<'a, str>,
    size: usize,
    len: usize,
    /// `None` if there are no elements.
    place: Option<Place>,
}

#[derive(Serialize, Deserialize)]
struct Place {
    /// Its number among the frame's descriptors.
    descriptor: u32,
    /// The number of the file, by which a descriptor that was lost on the way, or a text that was kept and decoded in
    /// another frame, is told from the right one.
    inode: u64,
}

/// For the frames of an engine; anywhere else it is an error that says so.
impl<T: Plain> Serialize for SharedSlice<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = match self.memory() {
            None => None,
            Some(memory) => Some(Place {
                descriptor: attachments::attach(memory.descriptor()).ok_or_else(|| S::Error::custom(NOT_FOR_FILES))?,
                inode: memory.inode(),
            }),
        };
        let element = Cow::Borrowed(type_name::<T>());
        Ticket { element, size: size_of::<T>(), len: self.len(), place }.serialize(serializer)
    }
}

const NOT_FOR_FILES: &str = "a SharedSlice can only be sent to a worker of a process pool, or back from it; to store its \
                             elements, serialize the slice `&shared[..]`";

/// From the frames of an engine; anywhere else it is an error that says so.
impl<'de, T: Plain> Deserialize<'de> for SharedSlice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Ticket { element, size, len, place } = Ticket::deserialize(deserializer)?;
        let refused = |why: &dyn Display| {
            D::Error::custom(format_args!("a SharedSlice of {len} elements of {element} cannot be opened: {why}"))
        };
        if element != type_name::<T>() || size != size_of::<T>() {
            let (wanted, wanted_size) = (type_name::<T>(), size_of::<T>());
            return Err(refused(&format_args!(
                "it has {size} bytes an element, and {wanted} of {wanted_size} is wanted"
            )));
        }
        match place {
            None if len == 0 => Ok(Self::default()),
            Some(Place { descriptor, inode }) if len > 0 => {
                let claimed = attachments::claim(descriptor).map_err(|why| match why {
                    Unclaimed::Outside => refused(&"it can only be received by a worker of a process pool, or from it"),
                    Unclaimed::Beyond(came) => {
                        refused(&format_args!("descriptor {descriptor} is missing, {came} came with the message"))
                    }
                })?;
                Self::open(claimed, inode, len).map_err(|why| refused(&why))
            }
            _ => Err(refused(&"its length and its memory contradict each other")),
        }
    }
}

#[cfg(test)]
#[cfg(not(concurrent_futures_loom))]
mod tests {
    use super::*;
    use crate::shared_memory::SharedBytes;
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
    use rustix::net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
    };
    use serde_json::{Value, json};
    use std::io::{IoSlice, IoSliceMut};
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, OwnedFd};
    use std::process::{Command, Stdio};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    /// A frame on its way.
    fn encode(value: &impl Serialize) -> (Value, Vec<OwnedFd>) {
        let (json, attached) = attachments::collect(|| serde_json::to_value(value).unwrap());
        (json, attached.iter().map(|descriptor| descriptor.try_clone().unwrap()).collect())
    }

    fn decode<T: for<'de> Deserialize<'de>>((json, descriptors): (Value, Vec<OwnedFd>)) -> Result<T, String> {
        attachments::provide(descriptors, || serde_json::from_value(json)).map_err(|error| error.to_string())
    }

    /// The error that arises if the ticket of `sent` is changed on the way.
    fn damaged<T: Plain, R: Plain>(sent: &SharedSlice<T>, change: impl FnOnce(&mut Value)) -> String {
        let (mut json, descriptors) = encode(sent);
        change(&mut json);
        decode::<SharedSlice<R>>((json, descriptors)).unwrap_err()
    }

    fn numbers() -> SharedSlice<u32> {
        SharedSlice::copy_from(&[1, 2, 3]).unwrap()
    }

    #[test]
    fn a_slice_arrives_as_another_mapping_of_the_same_memory() {
        let sent = numbers();
        let frame = encode(&sent);
        assert_eq!(frame.1.len(), 1);
        let arrived: SharedSlice<u32> = decode(frame).unwrap();
        assert_eq!(arrived, sent);
        assert_ne!(arrived.as_ptr(), sent.as_ptr());
        let inode = |slice: &SharedSlice<u32>| slice.memory().unwrap().inode();
        assert_eq!(inode(&arrived), inode(&sent));
    }

    #[test]
    fn what_arrived_can_be_sent_on_and_outlives_what_was_sent() {
        let first: SharedSlice<u32> = decode(encode(&numbers())).unwrap();
        let second: SharedSlice<u32> = decode(encode(&first)).unwrap();
        drop(first);
        assert_eq!(*second, [1, 2, 3]);
    }

    #[test]
    fn many_slices_in_one_frame_keep_their_order_and_share_descriptors() {
        let (small, large) = (numbers(), SharedSlice::copy_from(&[7u32; 5000]).unwrap());
        let sent = (vec![small.clone(), large.clone(), small.clone()], SharedBytes::default(), Some(large));
        let frame = encode(&sent);
        assert_eq!(frame.1.len(), 2);
        assert_eq!(decode::<(Vec<SharedSlice<u32>>, SharedBytes, Option<SharedSlice<u32>>)>(frame).unwrap(), sent);
    }

    #[test]
    fn a_slice_of_nothing_needs_no_descriptor() {
        let frame = encode(&SharedSlice::<f64>::default());
        assert!(frame.1.is_empty());
        assert!(decode::<SharedSlice<f64>>(frame).unwrap().is_empty());
    }

    #[test]
    fn outside_of_a_frame_an_error_says_what_to_do() {
        let said = serde_json::to_string(&numbers()).unwrap_err().to_string();
        assert!(said.contains("only be sent to a worker of a process pool") && said.contains("&shared[..]"), "{said}");
        let (json, _descriptors) = encode(&numbers());
        let said = serde_json::from_value::<SharedSlice<u32>>(json).unwrap_err().to_string();
        assert!(said.contains("only be received by a worker of a process pool"), "{said}");
    }

    #[test]
    fn another_type_is_refused_by_name_whatever_its_size() {
        let said = damaged::<u32, f32>(&numbers(), |_| ());
        assert!(said.contains("3 elements of u32") && said.contains("f32"), "{said}");
        // Longer elements with a stricter alignment.
        assert!(damaged::<u32, u64>(&numbers(), |_| ()).contains("4 bytes an element, and u64 of 8 is wanted"));
        let said = damaged::<u32, u32>(&numbers(), |ticket| ticket["size"] = json!(2));
        assert!(said.contains("2 bytes an element"), "{said}");
    }

    #[test]
    fn a_descriptor_that_did_not_come_is_an_error_with_its_number() {
        let said = damaged::<u32, u32>(&numbers(), |ticket| ticket["place"]["descriptor"] = json!(1));
        assert!(said.contains("descriptor 1 is missing, 1 came"), "{said}");
        let (json, _) = encode(&numbers());
        let said = decode::<SharedSlice<u32>>((json, Vec::new())).unwrap_err();
        assert!(said.contains("descriptor 0 is missing, 0 came"), "{said}");
    }

    /// As when the descriptors before it were lost on the way.
    #[test]
    fn other_memory_of_the_same_kind_is_refused() {
        let (json, _) = encode(&numbers());
        let (_, other) = encode(&numbers());
        let said = decode::<SharedSlice<u32>>((json, other)).unwrap_err();
        assert!(said.contains("other memory"), "{said}");
    }

    #[test]
    fn lengths_that_cannot_be_are_errors() {
        let cases = [
            (json!(4), "has 12 bytes, and 16 are asked for"),
            (json!(1u64 << 62), "do not fit into the address space"),
            (json!(u64::MAX), "do not fit into the address space"),
            (json!(0), "contradict"),
        ];
        for (len, expected) in cases {
            let said = damaged::<u32, u32>(&numbers(), |ticket| ticket["len"] = len);
            assert!(said.contains(expected), "{said}");
        }
        let said = damaged::<u32, u32>(&numbers(), |ticket| ticket["place"] = Value::Null);
        assert!(said.contains("contradict"), "{said}");
    }

    /// Whatever the sender says, the seals are the kernel's word.
    #[test]
    fn a_descriptor_that_is_not_sealed_is_refused() {
        let future_write = SealFlags::FUTURE_WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        for seals in [SealFlags::empty(), SealFlags::WRITE, SealFlags::SHRINK, future_write] {
            let memory = memfd_create("hostile", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
            ftruncate(&memory, 12).unwrap();
            fcntl_add_seals(&memory, seals).unwrap();
            let inode = rustix::fs::fstat(&memory).unwrap().st_ino;
            let (mut json, _) = encode(&numbers());
            json["place"]["inode"] = json!(inode);
            let said = decode::<SharedSlice<u32>>((json, vec![memory])).unwrap_err();
            assert!(said.contains("not sealed against being written"), "{seals:?}: {said}");
        }
        let (json, _) = encode(&numbers());
        let file = std::fs::File::open("/dev/null").unwrap();
        let said = decode::<SharedSlice<u32>>((json, vec![file.into()])).unwrap_err();
        assert!(said.contains("not of memory that can be sealed"), "{said}");
    }

    /// A value that, while it is serialized, sends a frame of its own.
    struct Nested(SharedSlice<u32>, SharedSlice<u32>);

    impl Serialize for Nested {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let inner = encode(&self.1);
            assert_eq!(decode::<SharedSlice<u32>>(inner).unwrap(), self.1);
            self.0.serialize(serializer)
        }
    }

    #[test]
    fn a_frame_sent_while_another_is_encoded_does_not_mix_with_it() {
        let (outer, inner) = (numbers(), SharedSlice::copy_from(&[4u32]).unwrap());
        let frame = encode(&[Nested(outer.clone(), inner.clone()), Nested(inner.clone(), outer.clone())]);
        assert_eq!(frame.1.len(), 2);
        assert_eq!(decode::<Vec<SharedSlice<u32>>>(frame).unwrap(), [outer, inner]);
    }

    /// 1 GiB that takes no memory, because nobody has touched it: whoever copied it would take a third of a second.
    fn huge() -> SharedBytes {
        let memory = memfd_create("huge", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&memory, 1 << 30).unwrap();
        fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::SHRINK).unwrap();
        SharedBytes::from_descriptor(memory).unwrap()
    }

    #[test]
    fn a_huge_slice_costs_no_more_to_clone_and_to_send_than_a_small_one() {
        let (huge, small) = (huge(), SharedBytes::copy_from(b"small").unwrap());
        let text = |slice: &SharedBytes| encode(slice).0.to_string();
        let (of_huge, of_small) = (text(&huge), text(&small));
        assert!(of_huge.len() < of_small.len() + 32, "{of_huge} beside {of_small}");
        let began = Instant::now();
        for _ in 0..200 {
            let arrived: SharedBytes = decode(encode(&huge.clone())).unwrap();
            assert_eq!((arrived.len(), arrived[1 << 29]), (1 << 30, 0));
        }
        let took = began.elapsed();
        assert!(took < Duration::from_secs(20), "200 times in {took:?}");
    }

    const CHILD: &str = "CONCURRENT_FUTURES_READS_SHARED_MEMORY";

    /// Two processes. The writer's handles are all gone before the reader looks.
    #[test]
    fn another_process_reads_what_was_sent_over_a_socket() {
        let test = "shared_memory::travel::tests::another_process_reads_what_was_sent_over_a_socket";
        if std::env::var_os(CHILD).is_some() {
            let stdin = std::io::stdin();
            let sum = move || {
                let (all, part): (SharedSlice<u64>, SharedSlice<u64>) = decode(receive(stdin.as_fd())).unwrap();
                all.iter().chain(&part).sum::<u64>()
            };
            println!("sum {}", sum());
            return;
        }
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let mut numbers = SharedSlice::<u64>::zeroed(100_000).unwrap();
        numbers.iter_mut().zip(1..).for_each(|(number, value)| *number = value);
        let sent = (numbers.freeze().unwrap(), SharedSlice::copy_from(&[1u64, 1]).unwrap());
        send(ours.as_fd(), encode(&sent));
        drop((sent, ours));
        let mut reader = Command::new(std::env::current_exe().unwrap());
        reader.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, "1").stdin(Stdio::from(theirs));
        let output = reader.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("sum 5000050002"), "{output:?}");
    }

    fn send(socket: impl AsFd, (json, descriptors): (Value, Vec<OwnedFd>)) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&borrowed)));
        sendmsg(socket, &[IoSlice::new(json.to_string().as_bytes())], &mut ancillary, SendFlags::empty()).unwrap();
    }

    fn receive(socket: impl AsFd) -> (Value, Vec<OwnedFd>) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut text = [0; 4096];
        let received =
            recvmsg(socket, &mut [IoSliceMut::new(&mut text)], &mut ancillary, RecvFlags::CMSG_CLOEXEC).unwrap();
        let rights = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        (serde_json::from_slice(&text[..received.bytes]).unwrap(), rights.flatten().collect())
    }

    #[test]
    fn a_frame_keeps_the_descriptor_open_after_the_slice_is_gone() {
        let sent = numbers();
        let descriptor = Arc::downgrade(sent.memory().unwrap().descriptor());
        let ((), attached) = attachments::collect(|| {
            serde_json::to_value(&sent).unwrap();
        });
        drop(sent);
        assert_eq!(descriptor.strong_count(), 1);
        drop(attached);
        assert_eq!(descriptor.strong_count(), 0);
    }
}
