import { basename, resolve } from 'node:path';
import { contentTypeOf } from '../client/content-type.ts';
import { idempotencyKey } from '../client/idempotency.ts';
import { openLocalFile, sha256Of } from '../client/local-file.ts';
import type { UploadAsk } from '../client/model.ts';
import { exitCodeOf, reportOf } from './partner/failure.ts';
import { parseEndpoint } from './partner/service.ts';
import { printable, processTerminal, type Terminal } from './partner/terminal.ts';

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
    terminal.stderr.write(`${printable(path)}: ${detail} (${code})\n`);
    return exitCodeOf(error);
  }
}

/** @param file absolute, so that no name looks like an option. */
export function curlScript(endpoint: string, file: string, ask: UploadAsk, key: string): string {
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
  curl -sS --fail-with-body --globoff -X POST -H @<(printf 'authorization: Bearer %s\\n' "$API_KEY") "\${@:2}" "$endpoint$1"
}

# Ask for a slot. The Idempotency-Key gives the same one when this runs again.
slot=$(api /v1/uploads -H 'content-type: application/json' -H 'idempotency-key: ${key}' -d "$ask")
id=$(printf '%s' "$slot" | jq -r .id)

# Send the file, unless the slot says that it has arrived. 412 means that an earlier run has sent it.
url=$(printf '%s' "$slot" | jq -r '.request.url // empty')
if [ -n "$url" ]; then
  answer=$(printf '%s' "$slot" | jq -r '.request.headers | to_entries[] | "\\(.key): \\(.value)"' |
    curl -sS --globoff -w '\\n%{http_code}' -H @- -T "$file" "$url")
  case \${answer##*$'\\n'} in
    2?? | 412) ;;
    *)
      printf 'S3 answered: %s\\n' "$answer" >&2
      exit 1
      ;;
  esac
fi

# Say that it is there; the answer is the slot, uploaded.
api "/v1/uploads/$id/complete"
echo
`;
}

/** For bash, whatever the text holds: nothing is special between single quotes but their end. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
