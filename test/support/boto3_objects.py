"""Puts objects under SSE-C, a key of its own for each, and prints them as CSV as `sealslot import` wants it.

One JSON object on stdin says where and how many. The last row is an object that is not under SSE-C.
"""

import base64
import csv
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

ask = json.load(sys.stdin)
s3 = boto3.client(
    "s3",
    endpoint_url=ask["endpoint"],
    region_name=ask["region"],
    aws_access_key_id=ask["accessKeyId"],
    aws_secret_access_key=ask["secretAccessKey"],
    verify=ask["caFile"],
    config=Config(s3={"addressing_style": "path"}, max_pool_connections=8),
)
ODD = ['quo"ted, and ü 😀.txt', "plus+percent%2F&=?#.txt", "two  spaces .txt", "no-segment", "line\nfeed"]


def put(number):
    name = ODD[number] if number < len(ODD) else f"{number}.bin"
    object_key = name if name == "no-segment" else f"reports/2019/{name}"
    key = os.urandom(32)
    s3.put_object(
        Bucket=ask["bucket"],
        Key=object_key,
        Body=f"the body of {object_key}".encode(),
        Metadata={"Case": "A  42"},
        SSECustomerAlgorithm="AES256",
        SSECustomerKey=key,
    )
    return object_key, key


with ThreadPoolExecutor(8) as threads:
    rows = list(threads.map(put, range(ask["count"])))
s3.put_object(Bucket=ask["bucket"], Key="plain.txt", Body=b"for all to see")
rows.append(("plain.txt", os.urandom(32)))

out = csv.writer(sys.stdout)
out.writerow(["bucket", "objectKey", "customerKey"])
for object_key, key in rows:
    out.writerow([ask["bucket"], object_key, base64.b64encode(key).decode()])
