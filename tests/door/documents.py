"""Validates the API documents with the official meta-schemas.

    documents.py OPENAPI ASYNCAPI ASYNCAPI_META_SCHEMA

The OpenAPI document must be valid OpenAPI 3.1, and each schema in it JSON Schema 2020-12. The AsyncAPI document must be
valid AsyncAPI 3.0, and each schema in it draft-07, which is what tools for AsyncAPI read.
"""

import json
import sys
from pathlib import Path

from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator


def main(*files):
    openapi, asyncapi, meta_schema = (json.loads(Path(file).read_text()) for file in files)
    OpenAPIV31SpecValidator(openapi).validate()
    for schema in openapi["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    Draft7Validator(meta_schema).validate(asyncapi)
    payloads = [message["payload"] for message in asyncapi["components"]["messages"].values()]
    for schema in [*asyncapi["components"]["schemas"].values(), *payloads]:
        Draft7Validator.check_schema(schema)
    print(f"{len(openapi['paths'])} addresses and {len(payloads)} messages: OK")


if __name__ == "__main__":
    main(*sys.argv[1:])
