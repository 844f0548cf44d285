"""Wrote the vectors of custody, once: `python3 test/vectors/custody_vectors.py FOLDER`, with cryptography 48.0.0 and pyrage 1.4.0.

Shares no code with the project. It overwrites nothing: a vector stands for data that exists. A second run gives the same files but for the
age file, whose keys are random.
"""

import base64
import hashlib
import json
import pathlib
import struct
import sys

import pyrage
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SLOT = "0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0d1e"
OTHER_SLOT = "0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0d2e"
INTERMEDIATE_ID = "0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0d1f"
KEY_ARN = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-4333-8444-555555555555"
OTHER_ARN = "arn:aws:kms:eu-central-1:123456789012:key/99999999-2222-4333-8444-555555555555"
TRANSIT_KEY = "team/transit/sealslot"
KEK = bytes(range(0x00, 0x20))

PLACE = {
    "purpose": "object",
    "tenant": "acme",
    "bucket": "acme-uploads",
    "objectKey": f"acme/2026/05/{SLOT}/Übersicht.pdf",
    "slot": SLOT,
    "generation": 1,
}
INTERMEDIATE = {"id": INTERMEDIATE_ID, "tenant": "acme", "period": "2026-11-23", "version": 2, "createdAt": 1795435200000}
INTERMEDIATE_PLACE = {
    "purpose": "intermediate",
    "tenant": INTERMEDIATE["tenant"],
    "bucket": "",
    "objectKey": INTERMEDIATE["period"],
    "slot": INTERMEDIATE["id"],
    "generation": INTERMEDIATE["version"],
}
# Each differs from PLACE in one field.
ELSEWHERE = [
    {**PLACE, **change}
    for change in [
        {"purpose": "intermediate"},
        {"purpose": "export"},
        {"tenant": "globex"},
        {"bucket": "acme-downloads"},
        {"objectKey": f"acme/2026/05/{SLOT}/😀.pdf"},
        {"slot": OTHER_SLOT},
        {"generation": 4294967295},
    ]
]


def text(value):
    data = value.encode("utf-8")
    return struct.pack(">I", len(data)) + data


def context(wrapper_id, kek_id, place):
    names = ["purpose", None, None, "tenant", "bucket", "objectKey", "slot"]
    values = [wrapper_id if at == 1 else kek_id if at == 2 else place[name] for at, name in enumerate(names)]
    return b"".join(text(value) for value in ["sealslot/context/v1", *values]) + struct.pack(">I", place["generation"])


def seal(key, kek, nonce, ctx):
    info = b"sealslot/local-wrap/v1" + hashlib.sha256(ctx).digest()
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(kek)
    return b"\x01" + nonce + AESGCM(derived).encrypt(nonce, key, ctx)


def b64(data):
    return base64.b64encode(data).decode()


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def contexts():
    cases = [
        ("local", "kek-golden", PLACE),
        ("intermediate", INTERMEDIATE_ID, PLACE),
        ("local", "kek-golden", INTERMEDIATE_PLACE),
        *(("local", "kek-golden", place) for place in ELSEWHERE),
        ("kms", KEY_ARN, PLACE),
        ("vault", TRANSIT_KEY, INTERMEDIATE_PLACE),
    ]
    return {
        "about": "The byte form of a place under a KEK, which every wrapper binds.",
        "cases": [
            {"wrapperId": wrapper_id, "kekId": kek_id, "place": place, "contextHex": context(wrapper_id, kek_id, place).hex()}
            for wrapper_id, kek_id, place in cases
        ],
    }


def hierarchy():
    row = bytes(range(0x40, 0x60))
    wrapped_row = seal(row, KEK, bytes(range(0xD0, 0xDC)), context("local", "kek-golden", INTERMEDIATE_PLACE))
    objects = []
    for at, place in enumerate([PLACE, {**PLACE, "slot": OTHER_SLOT, "objectKey": "", "generation": 7}]):
        key = bytes(range(0x80 + at, 0xA0 + at))
        wrapped = seal(key, row, bytes(range(0xE0 + at, 0xEC + at)), context("intermediate", INTERMEDIATE_ID, place))
        objects.append({"place": place, "keyHex": key.hex(), "bytesHex": wrapped.hex()})
    first = bytes.fromhex(objects[0]["bytesHex"])
    fields = {
        **{"v": 1, "id": INTERMEDIATE_ID, "tenant": "acme", "period": "2026-11-23", "version": 2},
        **{"wrapperId": "local", "kekId": "kek-golden", "wrapped": b64(wrapped_row), "createdAt": INTERMEDIATE["createdAt"]},
    }
    return {
        "about": "Customer keys under an intermediate key, that one's own row under a KEK, and the recovery copies of both.",
        "wrapperId": "local",
        "kekId": "kek-golden",
        "kekHex": KEK.hex(),
        "intermediate": {"key": INTERMEDIATE, "keyHex": row.hex(), "bytesHex": wrapped_row.hex()},
        "objects": objects,
        "tags": {
            "sealslot-place": f"1/acme/{SLOT}/1",
            "sealslot-kek": f"intermediate/{INTERMEDIATE_ID}",
            "sealslot-key": b64(first),
        },
        "copy": {"objectKey": f"intermediate/acme/2026-11-23/2-{INTERMEDIATE_ID}.json", "text": compact(fields)},
    }


def aws_kms():
    def case(arn, place):
        hashed = hashlib.sha256(context("kms", arn, place)).digest()
        ctx = base64.urlsafe_b64encode(hashed).decode().rstrip("=")
        return {"kekId": arn, "place": place, "encryptionContext": {"tenant": place["tenant"], "slot": place["slot"], "v": "1", "ctx": ctx}}

    blob = bytes((17 * at + 3) % 256 for at in range(64))
    return {
        "about": "What AWS KMS is told of a place. Stored are the bytes of its CiphertextBlob and nothing else; these mean nothing to KMS.",
        "wrapperId": "kms",
        "keyHex": bytes(range(0x80, 0xA0)).hex(),
        "ciphertextBlob": b64(blob),
        "bytesHex": blob.hex(),
        "cases": [case(KEY_ARN, place) for place in [PLACE, INTERMEDIATE_PLACE, *ELSEWHERE]] + [case(OTHER_ARN, PLACE)],
    }


def vault_transit():
    ciphertext = "vault:v3:" + b64(bytes((29 * at + 5) % 256 for at in range(60)))
    return {
        "about": "What a transit engine is told of a place. Stored is its ciphertext as UTF-8; this one means nothing to Vault.",
        "wrapperId": "vault",
        "kekId": TRANSIT_KEY,
        "keyHex": bytes(range(0x80, 0xA0)).hex(),
        "ciphertext": ciphertext,
        "bytesHex": ciphertext.encode("utf-8").hex(),
        "cases": [
            {"place": place, "context": b64(context("vault", TRANSIT_KEY, place))} for place in [PLACE, INTERMEDIATE_PLACE, *ELSEWHERE]
        ],
    }


def key_file():
    times = {"createdAt": "2026-05-01T10:00:00.000Z", "expiresAt": "2026-05-01T11:00:00.000Z", "urlEndsAt": "2026-05-01T11:15:00.001Z"}
    head = lambda slot, key, name: {
        **{"bucket": "acme-uploads", "objectKey": f"acme/2026/05/{slot}/{name}", "customerKey": b64(key), "tenant": "acme", "slot": slot},
    }
    full = lambda generation, key, standing: {
        **head(SLOT, key, "Übersicht.pdf"),
        "generation": generation,
        **({"versionId": f"v{generation}"} if standing != "next" else {}),
        "isCurrent": standing == "current",
        **({"isNext": True} if standing == "next" else {}),
        **{"target": "main", "state": "deleting", "filename": "Übersicht \"2026\"\u2028.pdf", "contentType": "application/pdf"},
        **{"size": 9007199254740991, "sha256": b64(hashlib.sha256(b"").digest()), "metadata": {"case": "A-7", "note": ""}},
        **{"principal": "jwt:https://id.example.org|ü", "expiresInSeconds": 900, **times, "uploadedAt": "2026-05-01T10:05:00.000Z"},
        **{"etag": "\"d41d8cd98f00b204e9800998ecf8427e\"", "deletingAt": "2026-06-01T00:00:00.000Z", "nextCheckAt": "2026-06-02T00:00:00.000Z"},
    }
    least = {
        **head(OTHER_SLOT, bytes(range(0x83, 0xA3)), "a"),
        **{"generation": 1, "isCurrent": True, "target": "main", "state": "issued", "contentType": "text/plain", "size": 0},
        **{"metadata": {}, "principal": "api-key:partner", "expiresInSeconds": 60, **times},
    }
    keys = [
        full(1, bytes(range(0x80, 0xA0)), "superseded"),
        full(2, bytes(range(0x81, 0xA1)), "current"),
        full(3, bytes(range(0x82, 0xA2)), "next"),
        least,
    ]
    header = {"format": "sealslot-keys", "version": 1, "createdAt": "2026-11-23T12:00:00.000Z"}
    lines = [compact(line) for line in [header, *keys, {"end": True, "keys": 4, "slots": 2, "failed": 1}]]
    few = [compact(line) for line in [header, least, {"end": True, "keys": 1, "slots": 1, "failed": 0}]]
    plain = "".join(f"{line}\n" for line in few).encode("utf-8")
    identity = pyrage.x25519.Identity.generate()
    return {
        "about": "A file of exported keys in the clear, by line, and a shorter one that rage closed. The identity opens nothing else.",
        "lines": lines,
        "age": {"lines": few, "identity": str(identity), "file": b64(pyrage.encrypt(plain, [identity.to_public()]))},
    }


folder = pathlib.Path(sys.argv[1])
made = {"contexts": contexts, "hierarchy": hierarchy, "aws-kms": aws_kms, "vault-transit": vault_transit, "key-file": key_file}
for name, make in made.items():
    with open(folder / f"{name}.json", "x", encoding="utf-8") as file:
        json.dump(make(), file, ensure_ascii=False, indent=2)
        file.write("\n")
