/** README's way: headers go by a pipe, and the API key is asked for. A test compares this with README and runs it. */
const API = `api() { curl -sS --fail-with-body -X "$1" -H @<(printf 'authorization: Bearer %s\\n' "$API_KEY") "\${@:3}" "$SEALSLOT$2"; }
json() { jq -r "$1"; }
headers() { jq -r "$1.headers | to_entries[] | \\"\\(.key): \\(.value)\\""; }`;

const begin = (endpoint: string, ...more: string[]): string =>
  [
    `export SEALSLOT=${quoted(endpoint)}`,
    ...more,
    `# export CURL_CA_BUNDLE=ca.pem     # when the S3 server's certificate is of a private CA`,
    `read -rsp 'API key: ' API_KEY; echo`,
    '',
    API,
    '',
  ].join('\n');

/** @param endpoint without a slash at its end */
export function uploadByCurl(endpoint: string, filename: string, contentType: string): string {
  return `${begin(endpoint, `FILE=${quoted(`./${filename}`)}`)}
ask=$(jq -n --arg name "\${FILE##*/}" --arg type ${quoted(contentType)} --argjson size "$(wc -c < "$FILE")" \\
  '{filename: $name, contentType: $type, size: $size}')
slot=$(api POST /v1/uploads -H 'content-type: application/json' -d "$ask") || { printf '%s\\n' "$slot"; false; }

printf '%s' "$slot" | headers .request |
  curl -sS --fail-with-body --globoff --proto '=https' -H @- -T "$FILE" --url "$(printf '%s' "$slot" | json .request.url)"

api POST "/v1/uploads/$(printf '%s' "$slot" | json .id)/complete"
`;
}

export function downloadByCurl(endpoint: string, id: string, filename: string): string {
  return `${begin(endpoint, `FILE=${quoted(`./${filename}`)}`)}
download=$(api POST ${quoted(`/v1/uploads/${id}/download`)}) || { printf '%s\\n' "$download"; false; }
printf '%s' "$download" | headers '' |
  curl -sS --fail-with-body --globoff --proto '=https' -H @- -o "$FILE" --url "$(printf '%s' "$download" | json .url)"
`;
}

/** For bash, whatever the text holds; a name is never a path to elsewhere. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** The same for a file that is to be written, by a name that somebody else has chosen: never a hidden one, such as that of a shell's settings. */
export function nameToWrite(filename: string | undefined, id: string): string {
  return localName(filename, id).replace(/^[\s.]+/, '_');
}

/** A name that stands in the folder where the commands run, and does nothing to the terminal it is pasted into. */
export function localName(filename: string | undefined, id: string): string {
  const last = (filename ?? id).split(/[/\\]/).at(-1) ?? '';
  const name = last.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '_');
  return /^\.{0,2}$/.test(name) ? id : name;
}
