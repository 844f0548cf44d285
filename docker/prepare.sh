#!/bin/sh
# Makes what servers need before they start, each once: a throw-away CA, a certificate for `localhost` and a name of each server, passwords.
# prepare.sh NAME,… CA_FOLDER CERTS_FOLDER PASSWORD_FOLDER…
set -eu
umask 077
names=$1 ca=$2 certs=$3
shift 3

for folder in "$@"; do
  [ ! -e "$folder/password" ] || continue
  # Without an end of line, which not every reader leaves away. 32 bytes, as the seal of OpenBao wants them.
  printf %s "$(openssl rand -hex 32)" >"$folder/password.new"
  mv "$folder/password.new" "$folder/password"
done

# The CA's certificate comes last, so it says that all is there.
[ ! -e "$ca/ca.crt" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
new_key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256'
# shellcheck disable=SC2086 # words, not one argument
openssl req -x509 $new_key -days 365 -subj '/CN=sealslot compose CA' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
  -keyout "$work/ca.key" -out "$work/ca.crt"
# shellcheck disable=SC2086
openssl req $new_key -subj "/CN=${names%%,*}" -keyout "$work/private.key" -out "$work/request.csr"
printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' 'extendedKeyUsage=serverAuth' \
  "subjectAltName=DNS:localhost,IP:127.0.0.1,DNS:$(printf %s "$names" | sed 's/,/,DNS:/g')" >"$work/extensions"
openssl x509 -req -in "$work/request.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 365 -sha256 \
  -extfile "$work/extensions" -out "$work/public.crt"

mkdir -p "$certs/CAs"
cp "$work/private.key" "$work/public.crt" "$certs/"
# The CA's own key ends here, with the folder it was made in.
cp "$work/ca.crt" "$ca/ca.crt.new"
chmod 644 "$ca/ca.crt.new"
mv "$ca/ca.crt.new" "$ca/ca.crt"
