import { CustomerKey } from '../../custody/customer-key.ts';
import { corsDocument, minioSetting, ruleFor, type CorsNeed } from '../../cors/rule.ts';
import { answerOf, type Asker, type Said } from '../ask.ts';
import { CANARIES } from '../canaries.ts';
import { about, type CheckText, type Examination } from '../finding.ts';

export const CORS_CHECKS = {
  'cors.put': {
    title: 'CORS, upload',
    means:
      'A browser asks S3 first (preflight) whether a page of a configured origin may PUT with all the headers that a request can have.',
  },
  'cors.post': {
    title: 'CORS, form',
    means:
      'A script of a configured origin may POST a form and watch its progress, for which a browser asks first. Only where a tenant has forms.',
  },
  'cors.get': {
    title: 'CORS, download',
    means: 'A page of a configured origin may GET with the key in its headers, and with a range.',
  },
  'cors.etag': {
    title: 'CORS, ETag',
    means:
      "Pages may read S3's ETag. Uploads in parts do without it, since the service asks S3 for the parts.",
  },
  'cors.others': {
    title: 'CORS, others',
    means: 'Pages of origins that are not configured are kept out.',
  },
} as const satisfies Record<string, CheckText>;

/** Never made: a preflight is answered whether or not there is an object. */
const OBJECT_KEY = `${CANARIES}cors`;
const STRANGER = 'https://sealslot-doctor.invalid';

/** Of every kind of header that a `request` can have, one. The key is never sent: only names go into a preflight. */
const KEY_HEADERS = CustomerKey.generate().headers();
const PUT_HEADERS = {
  'content-type': 'text/plain',
  'if-none-match': '*',
  ...KEY_HEADERS,
  'x-amz-checksum-sha256': '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  'x-amz-meta-example': 'example',
};
/** Only with recovery copies. */
const TAG_HEADERS = { 'x-amz-tagging': 'sealslot-place=1' };
/** A form's own type is one that no browser asks for. */
const POST_HEADERS = {};
const GET_HEADERS = { ...KEY_HEADERS, range: 'bytes=0-0' };

export interface CorsQuestion extends CorsNeed {
  readonly subject: string;
  /** Whether uploads carry recovery copies in tags. */
  readonly tagged: boolean;
}

/** Asks what browsers ask. Rejects, as `Asker` does, when no answer comes. */
export async function* examineCors(asker: Asker, question: CorsQuestion): Examination {
  const { subject, origins, methods, tagged } = question;
  const say = about(subject);
  const putHeaders = tagged ? { ...PUT_HEADERS, ...TAG_HEADERS } : PUT_HEADERS;
  if (origins.length === 0) {
    yield say.note('cors.put', 'cors.origins is empty: no page may upload, so nothing was asked');
    return true;
  }
  const remedy = await remedyFor(asker, question);
  for (const origin of origins) {
    if (methods.has('PUT') || methods.has('multipart')) {
      const put = await preflight(asker, origin, 'PUT', putHeaders);
      yield put === undefined
        ? say.ok('cors.put', `${origin} may PUT with every header of a request`)
        : say.off('cors.put', `${origin}: ${put}`, remedy, [`uploads from browsers at ${origin}`]);
    }
    if (methods.has('POST')) {
      const post = await preflight(asker, origin, 'POST', POST_HEADERS);
      yield post === undefined
        ? say.ok('cors.post', `${origin} may POST a form`)
        : say.off('cors.post', `${origin}: ${post}`, remedy, [`forms sent by scripts at ${origin}`]);
    }
    const get = await preflight(asker, origin, 'GET', GET_HEADERS);
    yield get === undefined
      ? say.ok('cors.get', `${origin} may GET with the key's headers and a range`)
      : say.off('cors.get', `${origin}: ${get}`, remedy, [`downloads to browsers at ${origin}`]);

    const answer = await asker.ask({ method: 'GET', objectKey: OBJECT_KEY, send: { origin } });
    if (names(answer, 'access-control-expose-headers').some((name) => name === 'etag' || name === '*')) {
      yield say.ok('cors.etag', `${origin} may read ETag`);
    } else if (allowsOrigin(answer, origin)) {
      yield say.note('cors.etag', `${origin} may not read ETag`, remedy);
    } else {
      yield say.note('cors.etag', `the answer ${answer.status} for ${origin} has no CORS headers to look at`);
    }
  }

  const stranger = await preflight(asker, STRANGER, 'PUT', putHeaders);
  yield stranger === undefined
    ? say.note(
        'cors.others',
        'pages of any origin may try; they still need a URL and its key',
        `to keep them out: ${remedy}`,
      )
    : say.ok('cors.others', 'an origin that is not configured is refused');
  return true;
}

/** @returns why a browser would stop here, or undefined when it would go on. */
async function preflight(
  asker: Asker,
  origin: string,
  method: 'PUT' | 'POST' | 'GET',
  headers: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const requested = Object.keys(headers).sort();
  const said = await asker.ask({
    method,
    sendMethod: 'OPTIONS',
    // A form goes to the bucket.
    objectKey: method === 'POST' ? '' : OBJECT_KEY,
    headers,
    send: {
      origin,
      'access-control-request-method': method,
      ...(requested.length > 0 && { 'access-control-request-headers': requested.join(',') }),
    },
  });
  return refusal(said, origin, method, requested);
}

/** The Fetch standard's CORS-preflight fetch, without credentials: `*` stands for every origin, method and header. */
function refusal(
  said: Said,
  origin: string,
  method: 'PUT' | 'POST' | 'GET',
  requested: readonly string[],
): string | undefined {
  const { status } = said;
  const asked = `the preflight for ${method}`;
  if (status < 200 || status > 299) return `${asked} is answered ${answerOf(said)}`;
  if (!allowsOrigin(said, origin)) {
    const allowed = said.headers['access-control-allow-origin'];
    return `${asked} allows ${allowed === undefined ? 'no origin' : `only the origin ${allowed}`}`;
  }
  // Method names count with their case; GET and POST are allowed unsaid.
  const methods = listed(said, 'access-control-allow-methods');
  if (method === 'PUT' && !methods.includes(method) && !methods.includes('*')) {
    return `${asked} allows ${methods.length === 0 ? 'no method' : `only ${methods.join(', ')}`}`;
  }
  const allowed = names(said, 'access-control-allow-headers');
  const missing = allowed.includes('*') ? [] : requested.filter((name) => !allowed.includes(name));
  return missing.length > 0 ? `${asked} does not allow ${missing.join(', ')}` : undefined;
}

function allowsOrigin({ headers }: Said, origin: string): boolean {
  const allowed = headers['access-control-allow-origin'];
  return allowed === '*' || allowed === origin;
}

function listed({ headers }: Said, name: string): string[] {
  const items = (headers[name] ?? '').split(',').map((item) => item.trim());
  return items.filter((item) => item !== '');
}

/** Header names, which have no case. */
function names(said: Said, name: string): string[] {
  return listed(said, name).map((item) => item.toLowerCase());
}

async function remedyFor(asker: Asker, need: CorsNeed): Promise<string> {
  if (await isMinio(asker)) return `start MinIO with ${minioSetting(need.origins)}`;
  const command = asker.s3api('put-bucket-cors', `--cors-configuration '${corsDocument([ruleFor(need)])}'`);
  return `sealslot cors apply, or ${command} (replaces the bucket's present rules)`;
}

async function isMinio(asker: Asker): Promise<boolean> {
  const { headers } = await asker.ask({ method: 'GET', objectKey: OBJECT_KEY });
  return headers['server'] === 'MinIO';
}
