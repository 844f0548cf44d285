"""A partner's program over the client that openapi-python-client made of our document; prints what came of it as JSON."""

import json
import os
import ssl
import sys
from pathlib import Path

import httpx

from sealslot_api import AuthenticatedClient
from sealslot_api.api.content import read_content
from sealslot_api.api.grants import create_grant
from sealslot_api.api.uploads import complete_upload, create_upload, get_upload, list_parts, request_parts
from sealslot_api.models import (
    CreateGrant,
    CreateParts,
    CreateUpload,
    MintedGrant,
    MultipartRequest,
    PartRequests,
    Parts,
    Problem,
    PutRequest,
    Slot,
    SlotState,
    UploadMethod,
)

endpoint, trusted = sys.argv[1], ssl.create_default_context(cafile=os.environ["S3_CA"])
PART = 5 * 1024**2


def client(token):
    return AuthenticatedClient(endpoint, token=token)


def is_a(kind, value):
    if not isinstance(value, kind):
        raise TypeError(f"a {kind.__name__} was expected, not {value}")
    return value


def put(request, body):
    with httpx.Client(verify=trusted, trust_env=False) as s3:
        return s3.put(request.url, headers=request.headers.to_dict(), content=body).status_code


def upload_whole(caller, body):
    slot = is_a(Slot, create_upload.sync(client=caller, body=CreateUpload(content_type="text/plain", size=len(body))))
    statuses = [put(is_a(PutRequest, slot.request), body) for _ in range(2)]
    return statuses, is_a(Slot, complete_upload.sync(slot.id, client=caller))


def upload_in_parts(caller, body):
    ask = CreateUpload(content_type="text/plain", size=len(body), method=UploadMethod.MULTIPART, part_size=PART)
    slot = is_a(Slot, create_upload.sync(client=caller, body=ask))
    request = is_a(MultipartRequest, slot.request)
    asked = CreateParts(part_numbers=list(range(1, request.part_count + 1)))
    parts = is_a(PartRequests, request_parts.sync(slot.id, client=caller, body=asked)).parts
    for part in parts:
        begin = (part.part_number - 1) * request.part_size
        put(part, body[begin : begin + part.size])
    there = is_a(Parts, list_parts.sync(slot.id, client=caller)).parts
    return [part.size for part in there], is_a(Slot, complete_upload.sync(slot.id, client=caller))


backend = client(os.environ["SEALSLOT_API_KEY"])
body = Path(__file__).read_bytes()
statuses, whole = upload_whole(backend, body)
sizes, parted = upload_in_parts(backend, bytes(PART) + b"the rest")
read = read_content.sync(whole.id, client=backend)

grant = is_a(MintedGrant, create_grant.sync(client=backend, body=CreateGrant(count=1, content_types=["text/*"])))
page = client(grant.token)
_, by_grant = upload_whole(page, b"of a browser")
one_more = is_a(Problem, create_upload.sync(client=page, body=CreateUpload(content_type="text/plain", size=1)))
refused = is_a(Problem, create_upload.sync(client=backend, body=CreateUpload(content_type="no type", size=1)))

seen = is_a(Slot, get_upload.sync(whole.id, client=backend))
print(
    json.dumps(
        {
            "puts": statuses,
            "parts": sizes,
            "states": [slot.state is SlotState.UPLOADED for slot in (whole, parted, by_grant, seen)],
            "content": read.payload.read() == body,
            "exhausted": one_more.code,
            "refused": [refused.status, refused.errors[0].path],
        }
    )
)
