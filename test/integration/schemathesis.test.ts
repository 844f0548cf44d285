import assert from 'node:assert/strict';
import { execFile, type ExecFileOptions } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { CustomerKey } from '../../src/custody/customer-key.ts';
import type { HeadResult } from '../../src/s3/port.ts';
import { available } from '../support/available.ts';
import { FakeObjectStore, fakeTarget } from '../support/fake-s3.ts';
import { makeHarness, TENANT, type Harness } from '../support/harness.ts';
import { pythonVenv } from '../support/python.ts';

const REQUIREMENTS = new URL('../support/requirements-schemathesis.txt', import.meta.url).pathname;

/** A tenant that may all that the schema allows: what a narrower policy refuses, no schema can know. */
const WIDE = {
  ...TENANT,
  maxSizeBytes: Number.MAX_SAFE_INTEGER,
  urlSeconds: { min: 1, default: 900, max: 604_800 },
};

const WIDE_LINKS = { linkSeconds: { default: 300, max: 604_800 } };

/**
 * No check is off. 422 is never the answer to what the schema forbids (that is 400) but to what no schema can know: an Idempotency-Key
 * sent before with another body. So it is no refusal of valid data; nor are 304 and 416, which the object decides. Where members that are right
 * alone do not go together (two checksums, parts without parts, no event that S3 sends), or a prefix is no clean path, the answer is 400.
 * DELETE of a grant is not followed by other calls: the revoked grant is still shown, which would count as a resource that outlives its DELETE.
 */
const EXPECTED = '"2xx", 304, 401, 403, 404, 409, 416, 422, 503';
const NOT_TOGETHER = ['/v1/uploads', '/v1/uploads/{id}/parts', '/v1/grants', '/v1/events/s3'];
const SETTINGS = `
[checks.positive_data_acceptance]
expected-statuses = [${EXPECTED}]
${NOT_TOGETHER.map(
  (path) => `
[[operations]]
include-name = "POST ${path}"
checks.positive_data_acceptance.expected-statuses = [${EXPECTED}, 400]
`,
).join('')}
[[operations]]
include-name = "DELETE /v1/grants/{id}"
phases.stateful.enabled = false
`;

const venv = await available(async () => ({
  bin: await pythonVenv('schemathesis', REQUIREMENTS),
  stop: async () => undefined,
}));

const OPERATIONS = 21;
/** Nobody guesses a signed link, so what is by link never succeeds here. */
const BY_LINK = 2;

describe('the application keeps to its OpenAPI document', { skip: venv.skip }, () => {
  it('schemathesis, every check and phase: no failure', { timeout: 180_000 }, async (t) => {
    const objects = new PromptObjectStore();
    await using h = await makeHarness({
      target: fakeTarget(objects),
      tenants: { acme: WIDE },
      content: WIDE_LINKS,
      grants: { maxSeconds: 604_800 },
    });
    objects.harness = h;
    const url = await h.app.listen({ host: '127.0.0.1', port: 0 });

    await writeFile(join(h.dir, 'schemathesis.toml'), SETTINGS);

    const args = [
      ...['run', `${url}/openapi.json`, '--no-color'],
      ...['--header', `Authorization: Bearer ${await h.token()}`],
      ...['--checks', 'all', '--phases', 'examples,coverage,fuzzing,stateful'],
      ...['--max-examples', '50', '--seed', '1', '--generation-database', 'none'],
    ];
    const { code, text } = await run(join(venv.get().bin, 'schemathesis'), args, {
      cwd: h.dir,
      signal: t.signal,
    });
    assert.equal(code, 0, text);
    assert.match(text, new RegExp(`Tested: ${OPERATIONS}\\b`));
    const operations = [...new Set(h.logged().match(/"operation":"\w+","status":2\d\d/g))];
    t.diagnostic(`${/[\d,]+ generated.*/.exec(text)?.[0]}; ${operations.length} operations answered 2xx`);
    assert.equal(
      operations.length,
      OPERATIONS + 1 - BY_LINK,
      'every operation, and openapi.json, must have succeeded once',
    );
  });
});

function run(command: string, args: readonly string[], options: ExecFileOptions) {
  return new Promise<{ code: unknown; text: string }>((resolve) => {
    execFile(command, args, { ...options, encoding: 'utf8' }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, text: `${stdout}${stderr}` }),
    );
  });
}

/** Whatever was announced has arrived, so that calls come further than "not there yet". */
class PromptObjectStore extends FakeObjectStore {
  harness: Harness | undefined;

  override async head(bucket: string, objectKey: string, key: CustomerKey | undefined): Promise<HeadResult> {
    const id = objectKey.split('/')[3] ?? '';
    const upload = await this.harness?.store.uploads.get('acme', id);
    if (upload !== undefined && key !== undefined) {
      const { size, contentType, sha256, metadata } = upload;
      this.put(objectKey, key, { size, contentType, sha256, metadata });
    }
    return super.head(bucket, objectKey, key);
  }
}
