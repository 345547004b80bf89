//! What rdkafka's safe interface lacks: messages that outlive the call, from a queue of our own,
//! with the markers of a partition's end; the last known end of a log; and topic ids.
//!
//! The only unsafe code of the crate. Three rules keep it sound: a [`Message`] owns its native
//! message and destroys it once; a [`Queue`] and every message are gone before their client is (the
//! consumer's `close` sees to it); nothing borrowed from a message outlives it.

#![expect(unsafe_code, reason = "rdkafka's safe interface lacks these calls")]

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;

use crate::event::Micros;

/// A record, or the marker of a partition's end, in librdkafka's memory.
pub struct Message(NonNull<sys::rd_kafka_message_t>);

// SAFETY: librdkafka's messages may be read and destroyed on any thread; this owns the only
// pointer.
unsafe impl Send for Message {}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: the pointer came from librdkafka, is owned here and not used again.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// What a message is.
pub enum MessageKind {
    /// A record.
    Record,
    /// The partition ends here for now: the message's offset is the next one.
    End,
    /// An error of the partition.
    Error(rdkafka::types::RDKafkaErrorCode),
}

impl Message {
    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the pointer is valid until `drop`.
        unsafe { self.0.as_ref() }
    }

    /// Whether it is a record, an end or an error.
    pub fn kind(&self) -> MessageKind {
        match self.raw().err {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => MessageKind::Record,
            Code::RD_KAFKA_RESP_ERR__PARTITION_EOF => MessageKind::End,
            code => MessageKind::Error(code.into()),
        }
    }

    /// Identifies a topic while it is assigned; not its name.
    pub(crate) fn topic_handle(&self) -> usize {
        self.raw().rkt as usize
    }

    /// The topic's name.
    pub(crate) fn topic(&self) -> String {
        let topic = self.raw().rkt;
        if topic.is_null() {
            return String::new();
        }
        // SAFETY: the topic handle lives as long as the message; its name is a C string.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(topic)) };
        name.to_string_lossy().into_owned()
    }

    /// The partition's number in its topic.
    pub fn partition(&self) -> i32 {
        self.raw().partition
    }

    /// The record's offset; of an end, the next one.
    pub fn offset(&self) -> i64 {
        self.raw().offset
    }

    /// The record's Kafka timestamp; the epoch where it has none.
    pub(crate) fn received(&self) -> Micros {
        Micros::from_millis(self.timestamp().0.max(0))
    }

    /// Whether the record's Kafka timestamp is the publisher's (`CreateTime`), not the broker's.
    pub(crate) fn has_publisher_time(&self) -> bool {
        self.timestamp().1 == sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME
    }

    fn timestamp(&self) -> (i64, sys::rd_kafka_timestamp_type_t) {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid; the call writes one enum value.
        let millis = unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), &raw mut kind) };
        (millis, kind)
    }

    /// The key, if it has one.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        let raw = self.raw();
        bytes(raw.key, raw.key_len)
    }

    /// The value; `None` is a tombstone.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        let raw = self.raw();
        bytes(raw.payload, raw.len)
    }

    /// Bytes of key and value.
    pub fn size(&self) -> usize {
        let raw = self.raw();
        raw.key_len + raw.len
    }

    /// Reads the headers into `into`, in their order. A name that is not UTF-8 reads as `?`.
    pub(crate) fn headers<'m>(&'m self, into: &mut Vec<(&'m str, Option<&'m [u8]>)>) {
        into.clear();
        let mut headers = ptr::null_mut();
        // SAFETY: the message is valid; the headers stay its own.
        let found = unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &raw mut headers) };
        if found != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers are valid; the call writes three values, or none past the end.
            let got = unsafe {
                sys::rd_kafka_header_get_all(
                    headers,
                    index,
                    &raw mut name,
                    &raw mut value,
                    &raw mut size,
                )
            };
            if got != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            // SAFETY: the name is a C string that lives as long as the message.
            let name: &'m CStr = unsafe { CStr::from_ptr(name) };
            into.push((name.to_str().unwrap_or("?"), bytes(value, size)));
        }
    }
}

fn bytes<'m>(start: *const c_void, len: usize) -> Option<&'m [u8]> {
    // SAFETY: librdkafka gives a start and a length that live as long as the message, to which
    // every caller ties the lifetime.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), len) })
}

/// A queue of our own, to which partitions are forwarded.
pub(crate) struct Queue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    client: *mut sys::rd_kafka_t,
}

// SAFETY: librdkafka's queues may be used on any thread.
unsafe impl Send for Queue {}

/// A queue could not be created: the name of the topic contains a zero byte, or memory is
/// exhausted.
#[derive(Debug, thiserror::Error)]
#[error("cannot create a queue of the Kafka client")]
pub(crate) struct NoQueue;

impl Queue {
    /// A queue of a client.
    pub(crate) fn new(client: *mut sys::rd_kafka_t) -> Result<Self, NoQueue> {
        // SAFETY: the client is valid.
        let queue = NonNull::new(unsafe { sys::rd_kafka_queue_new(client) }).ok_or(NoQueue)?;
        Ok(Self { queue, client })
    }

    /// Sends a partition's messages to this queue.
    pub(crate) fn forward(&self, topic: &str, partition: i32) -> Result<(), NoQueue> {
        let topic = CString::new(topic).map_err(|_| NoQueue)?;
        // SAFETY: client and name are valid; the partition's queue is released after its use.
        unsafe {
            let from = sys::rd_kafka_queue_get_partition(self.client, topic.as_ptr(), partition);
            if from.is_null() {
                return Err(NoQueue);
            }
            sys::rd_kafka_queue_forward(from, self.queue.as_ptr());
            sys::rd_kafka_queue_destroy(from);
        }
        Ok(())
    }

    /// Waits for messages, until there are `max` or `wait` is over.
    ///
    /// One call per message: up to librdkafka 2.12 the batch call takes the marker of a
    /// partition's end for a record (its issue 4844). At the next pause, which every rebalance
    /// brings, it then skips the record that has arrived at that offset: a silent loss.
    pub(crate) fn batch(
        &mut self,
        max: usize,
        wait: Duration,
    ) -> impl Iterator<Item = Message> + '_ {
        let deadline = Instant::now() + wait;
        (0..max).map_while(move |_| {
            self.next(Duration::ZERO)
                .or_else(|| self.next(deadline.saturating_duration_since(Instant::now())))
        })
    }

    fn next(&mut self, wait: Duration) -> Option<Message> {
        let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is valid; the message, if there is one, is ours.
        NonNull::new(unsafe { sys::rd_kafka_consume_queue(self.queue.as_ptr(), millis) })
            .map(Message)
    }
}

/// The next offset of a partition's log as of the last fetch; `None` before the first. Asks no
/// broker.
///
/// `client` must be valid for the call.
pub(crate) fn known_end(client: *mut sys::rd_kafka_t, topic: &str, partition: i32) -> Option<i64> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (0, 0);
    // SAFETY: client and name are valid; the call writes two numbers.
    let got = unsafe {
        sys::rd_kafka_get_watermark_offsets(
            client,
            topic.as_ptr(),
            partition,
            &raw mut low,
            &raw mut high,
        )
    };
    (got == Code::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the queue is owned here and not used again.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// A topic's id, as a broker reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TopicId {
    /// The id, as text.
    Known(String),
    /// The broker has no topic of that name.
    NoSuchTopic,
    /// No broker answered, or it reports no ids, or only with more permissions.
    Unknown,
}

impl TopicId {
    /// The id; empty if it is not known.
    pub(crate) fn or_empty(self) -> String {
        match self {
            Self::Known(id) => id,
            Self::NoSuchTopic | Self::Unknown => String::new(),
        }
    }
}

/// The ids of topics; `None` where no broker answers within `wait`, or with an error.
///
/// `client` must be valid for the call, and should not be one that fetches: there the answer takes
/// half a second.
pub(crate) fn topic_ids(
    client: *mut sys::rd_kafka_t,
    topics: &[String],
    wait: Duration,
) -> Option<Vec<TopicId>> {
    let names: Vec<CString> = topics
        .iter()
        .map(|t| CString::new(t.as_str()))
        .collect::<Result<_, _>>()
        .ok()?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|n| n.as_ptr()).collect();
    let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: every pointer given is valid for the call; what is created is destroyed, what is
    // borrowed from the event is copied before the event is.
    unsafe {
        let queue = Queue::new(client).ok()?;
        let options = sys::rd_kafka_AdminOptions_new(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        );
        sys::rd_kafka_AdminOptions_set_request_timeout(options, millis, ptr::null_mut(), 0);
        let collection =
            sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        sys::rd_kafka_DescribeTopics(client, collection, options, queue.queue.as_ptr());
        let event = sys::rd_kafka_queue_poll(queue.queue.as_ptr(), millis);
        let ids = described(event, topics);
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_TopicCollection_destroy(collection);
        sys::rd_kafka_AdminOptions_destroy(options);
        ids
    }
}

/// # Safety
/// `event` is null or a valid event.
unsafe fn described(event: *mut sys::rd_kafka_event_t, topics: &[String]) -> Option<Vec<TopicId>> {
    // SAFETY: as the caller says; the results live as long as the event.
    unsafe {
        if event.is_null() {
            return None;
        }
        match sys::rd_kafka_event_error(event) {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => {}
            Code::RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE => {
                return Some(vec![TopicId::Unknown; topics.len()]);
            }
            _ => return None,
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return None;
        }
        let mut count = 0;
        let found = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let mut ids = vec![TopicId::Unknown; topics.len()];
        for index in 0..count {
            let topic = *found.add(index);
            let name = CStr::from_ptr(sys::rd_kafka_TopicDescription_name(topic)).to_string_lossy();
            let id = CStr::from_ptr(sys::rd_kafka_Uuid_base64str(
                sys::rd_kafka_TopicDescription_topic_id(topic),
            ));
            let error = sys::rd_kafka_TopicDescription_error(topic);
            let code = if error.is_null() {
                Code::RD_KAFKA_RESP_ERR_NO_ERROR
            } else {
                sys::rd_kafka_error_code(error)
            };
            if let Some(index) = topics.iter().position(|t| *t == name) {
                ids[index] = match code {
                    Code::RD_KAFKA_RESP_ERR_NO_ERROR => {
                        TopicId::Known(id.to_string_lossy().into_owned())
                    }
                    Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => TopicId::NoSuchTopic,
                    _ => TopicId::Unknown,
                };
            }
        }
        Some(ids)
    }
}
