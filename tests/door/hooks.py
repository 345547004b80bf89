"""What schemathesis must know to call the door: bodies that are texts, and when a call is judged."""

import schemathesis


@schemathesis.serializer("application/x-ndjson", "text/csv")
def text(_, value):
    return value.encode() if isinstance(value, str) else str(value).encode()


@schemathesis.serializer("application/cloudevents+json", "application/cloudevents-batch+json")
def json_body(_, value):
    import json

    return json.dumps(value).encode()
