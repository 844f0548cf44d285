"""Reads one JSON request a line on stdin, prints its presigned URL as botocore makes it, one a line."""

import datetime
import json
import sys
from urllib.parse import quote, urlencode

import botocore.auth
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

now = None
if not hasattr(botocore.auth, "get_current_datetime"):
    sys.exit("this botocore takes its clock from elsewhere")
botocore.auth.get_current_datetime = lambda *args, **kwargs: now

for line in sys.stdin:
    ask = json.loads(line)
    now = datetime.datetime.fromtimestamp(ask["now"] / 1000, datetime.timezone.utc).replace(tzinfo=None)
    scheme, host = ask["endpoint"].split("://")
    key = quote(ask["objectKey"], safe="/~")
    if ask["pathStyle"]:
        url = f"{scheme}://{host}/{ask['bucket']}/{key}"
    else:
        url = f"{scheme}://{ask['bucket']}.{host}/{key}"
    if ask["query"]:
        url += "?" + urlencode(ask["query"], quote_via=quote)
    request = AWSRequest(method=ask["method"], url=url, headers=ask["headers"])
    credentials = Credentials(ask["accessKeyId"], ask["secretAccessKey"], ask["sessionToken"])
    S3SigV4QueryAuth(credentials, "s3", ask["region"], expires=ask["expires"]).add_auth(request)
    print(request.url)
