#!/usr/bin/env python3
"""The baseline: what a plain Python consumer does in a second.

Reads the topics from their beginning to where they end now, decodes each event, lays a part of its fields
flat and writes Parquet (zstd). No contract is checked, no offset is kept, nothing survives a crash: it is
the least that a consumer written in an afternoon would do. Prints one JSON object.

    consume.py --brokers 127.0.0.1:29092 --out /tmp/out police.events.v1 [TOPIC ...]

Needs the environment of tests/venv.
"""

import argparse
import json
import resource
import sys
import time
import uuid
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("topic", "id", "source", "type", "subject", "time")]
    + [("partition", pa.int32()), ("offset", pa.int64()), ("revision", pa.int32()), ("received", pa.int64())]
    + [(name, pa.string()) for name in ("what_list", "what_category", "what_code", "occurred_from")]
    + [(name, pa.string()) for name in ("area_code", "area_level", "flags", "data")]
)


def row(message, event):
    """One event, flat."""
    data = event.get("data") or {}
    what, when, area = (data.get(part) or {} for part in ("what", "when", "area"))
    return (
        message.topic(), event.get("id"), event.get("source"), event.get("type"), event.get("subject"),
        event.get("time"), message.partition(), message.offset(), event.get("revision"), message.timestamp()[1],
        what.get("list"), what.get("category"), what.get("code"), when.get("occurred_from"),
        area.get("code"), area.get("level"),
        ";".join(name for name, yes in (data.get("flags") or {}).items() if yes),
        orjson.dumps(data).decode(),
    )


def ends_of(consumer, topics, timeout):
    """The end of each partition that is not empty."""
    ends = {}
    for topic in topics:
        found = consumer.list_topics(topic, timeout).topics[topic]
        if found.error:
            raise KafkaException(found.error)
        for partition in found.partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout)
            if high > low:
                ends[topic, partition] = high
    return ends


class Files:
    """Rows become files of a fixed number of rows."""

    def __init__(self, folder, rows_max):
        self.folder, self.rows_max, self.rows = Path(folder), rows_max, []
        self.folder.mkdir(parents=True, exist_ok=True)
        self.files = self.bytes = 0

    def add(self, rows):
        self.rows += rows
        if len(self.rows) >= self.rows_max:
            self.write()

    def write(self):
        if not self.rows:
            return
        columns = [pa.array(column, field.type) for column, field in zip(zip(*self.rows), SCHEMA)]
        path = self.folder / f"{self.files:06}.parquet"
        pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), path, compression="zstd")
        self.files, self.bytes, self.rows = self.files + 1, self.bytes + path.stat().st_size, []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brokers", default="127.0.0.1:29092")
    parser.add_argument("--out", required=True, help="folder of the Parquet files")
    parser.add_argument("--batch", type=int, default=10_000, help="messages a call")
    parser.add_argument("--rows", type=int, default=200_000, help="rows a file")
    parser.add_argument("--timeout", type=float, default=30, help="seconds without a message before giving up")
    parser.add_argument("topics", nargs="+")
    arguments = parser.parse_args()

    consumer = Consumer({
        "bootstrap.servers": arguments.brokers,
        "group.id": f"baseline-{uuid.uuid4()}",
        "enable.auto.commit": False,
        "queued.max.messages.kbytes": 65_536,
    })
    left = ends_of(consumer, arguments.topics, arguments.timeout)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in left])

    files, events, undecoded, began = Files(arguments.out, arguments.rows), 0, 0, time.perf_counter()
    while left:
        messages = consumer.consume(arguments.batch, timeout=1 if events else arguments.timeout)
        if not messages:
            if time.perf_counter() - began > arguments.timeout and not events:
                sys.exit("no message arrived")
            # Markers of transactions, or records that expired: positions tell.
            for position in consumer.position([TopicPartition(*key) for key in left]):
                key = position.topic, position.partition
                if position.offset >= left[key]:
                    del left[key]
            continue
        rows = []
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            try:
                rows.append(row(message, orjson.loads(message.value())))
            except (orjson.JSONDecodeError, AttributeError, TypeError):
                undecoded += 1
            key = message.topic(), message.partition()
            if message.offset() + 1 >= left.get(key, 0):
                left.pop(key, None)
        events += len(messages)
        files.add(rows)
    files.write()
    seconds = time.perf_counter() - began
    consumer.close()
    print(json.dumps({
        "events": events,
        "undecoded": undecoded,
        "seconds": round(seconds, 3),
        "events_per_second": round(events / seconds) if seconds else None,
        "files": files.files,
        "bytes": files.bytes,
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }))


if __name__ == "__main__":
    main()
