#!/bin/sh
# Makes what MinIO needs before it starts, each once: a throw-away CA, a certificate for `localhost` and `minio`, root's password.
# prepare.sh CA_FOLDER CERTS_FOLDER S3_FOLDER
set -eu
umask 077
ca=$1 certs=$2 s3=$3

if [ ! -e "$s3/password" ]; then
  openssl rand -hex 24 >"$s3/password.new"
  mv "$s3/password.new" "$s3/password"
fi

# The CA's certificate comes last, so it says that all is there.
[ ! -e "$ca/ca.crt" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
new_key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256'
# shellcheck disable=SC2086 # words, not one argument
openssl req -x509 $new_key -days 365 -subj '/CN=sealslot compose CA' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
  -keyout "$work/ca.key" -out "$work/ca.crt"
# shellcheck disable=SC2086
openssl req $new_key -subj /CN=minio -keyout "$work/private.key" -out "$work/request.csr"
printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' 'extendedKeyUsage=serverAuth' \
  'subjectAltName=DNS:localhost,DNS:minio,IP:127.0.0.1' >"$work/extensions"
openssl x509 -req -in "$work/request.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 365 -sha256 \
  -extfile "$work/extensions" -out "$work/public.crt"

mkdir -p "$certs/CAs"
cp "$work/private.key" "$work/public.crt" "$certs/"
# The CA's own key ends here, with the folder it was made in.
cp "$work/ca.crt" "$ca/ca.crt.new"
chmod 644 "$ca/ca.crt.new"
mv "$ca/ca.crt.new" "$ca/ca.crt"
