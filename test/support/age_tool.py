"""Another implementation of age (rage): reads one JSON object from standard input, writes bytes to standard output."""

import base64
import json
import sys

import pyrage

ask = json.load(sys.stdin)
data = base64.b64decode(ask["data"])
if ask["do"] == "decrypt" and "passphrase" in ask:
    result = pyrage.passphrase.decrypt(data, ask["passphrase"])
elif ask["do"] == "decrypt":
    result = pyrage.decrypt(data, [pyrage.x25519.Identity.from_str(ask["identity"])])
else:
    result = pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(ask["recipient"])])
sys.stdout.buffer.write(result)
