import { basename, resolve } from 'node:path';
import { LARGEST_PUT_BYTES } from '../client/asks.ts';
import { contentTypeOf } from '../client/node/content-type.ts';
import { FileUnusable } from '../client/errors.ts';
import { idempotencyKey } from '../client/node/idempotency.ts';
import { openLocalFile, sha256Of } from '../client/node/local-file.ts';
import type { UploadAsk } from '../client/model.ts';
import { exitCodeOf, reportOf } from './partner/failure.ts';
import { parseEndpoint } from './partner/service.ts';
import { processTerminal, sayLine, type Terminal } from './partner/terminal.ts';

export interface CurlCommandOptions {
  readonly endpoint: string;
  readonly contentType?: string;
}

/** Prints the script; it sends nothing and needs no API key. */
export async function curl(
  path: string,
  options: CurlCommandOptions,
  terminal: Pick<Terminal, 'stdout' | 'stderr'> = processTerminal,
): Promise<number> {
  const endpoint = parseEndpoint(options.endpoint).href.replace(/\/+$/, '');
  try {
    await using file = await openLocalFile(path);
    if (file.size > LARGEST_PUT_BYTES) {
      throw new FileUnusable('curl sends a file whole, and S3 takes at most 5 GiB so; use sealslot upload.');
    }
    const filename = basename(path);
    const ask: UploadAsk = {
      filename,
      contentType: options.contentType ?? contentTypeOf(filename),
      size: file.size,
      sha256: await sha256Of(file),
    };
    const key = idempotencyKey(endpoint, file.realPath, ask, 0);
    terminal.stdout.write(curlScript(endpoint, resolve(path), ask, key));
    return 0;
  } catch (error) {
    const { detail, code } = reportOf(error);
    sayLine(terminal.stderr, `${path}: ${detail} (${code})`);
    return exitCodeOf(error);
  }
}

/** @param file absolute, so that no name looks like an option. */
export function curlScript(endpoint: string, file: string, ask: UploadAsk, key: string): string {
  const protocols = endpoint.startsWith('https:') ? '=https' : '=http,https';
  return `#!/usr/bin/env bash
# Uploads one file with curl and jq; made by: sealslot curl
# Safe to run again within 24 hours. For a private CA, set CURL_CA_BUNDLE.
set -euo pipefail

endpoint=${quoted(endpoint)}
file=${quoted(file)}
ask=${quoted(JSON.stringify(ask))}

if [ -z "\${API_KEY:-}" ]; then
  read -rsp 'API key: ' API_KEY
  echo >&2
fi

# Keys go to curl by pipes, written by bash itself: ps shows every command line, and a file would stay.
api() {
  curl -sS --fail-with-body --globoff --proto '${protocols}' -X POST \\
    -H @<(printf 'authorization: Bearer %s\\n' "$API_KEY") "\${@:2}" --url "$endpoint$1"
}

# Foreign text for the terminal, without characters that move its cursor.
plain() {
  jq -Rr 'gsub("[\\\\p{Cc}\\\\p{Cf}]"; "")'
}

# Ask for a slot. The Idempotency-Key gives the same one when this runs again, unless that one has been deleted.
ask_for_slot() {
  api /v1/uploads -H 'content-type: application/json' -H "idempotency-key: $1" -d "$ask"
}
slot=$(ask_for_slot ${key}) ||
  if [ "$(printf '%s' "$slot" | jq -r '.code?')" = upload_deleted ]; then
    slot=$(ask_for_slot "${key}-$(date +%s)")
  else
    printf '%s\n' "\${slot:-No answer from $endpoint.}" | plain >&2
    exit 1
  fi
id=$(printf '%s' "$slot" | jq -r .id)

# Send the file, unless the slot says that it has arrived. 412 means that an earlier run has sent it.
# The key travels in a header, and the URL is the service's word: https and nothing else.
url=$(printf '%s' "$slot" | jq -r '.request.url // empty')
if [ -n "$url" ]; then
  answer=$(printf '%s' "$slot" | jq -r '.request.headers | to_entries[] | "\\(.key): \\(.value)"' |
    curl -sS --globoff --proto '=https' -w '\\n%{http_code}' -H @- -T "$file" --url "$url")
  case \${answer##*$'\\n'} in
    2?? | 412) ;;
    *)
      printf 'S3 answered: %s\\n' "$answer" | plain >&2
      exit 1
      ;;
  esac
fi

# Say that it is there; the answer is the slot, uploaded.
api "/v1/uploads/$id/complete" | plain
`;
}

/** For bash, whatever the text holds: nothing is special between single quotes but their end. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
