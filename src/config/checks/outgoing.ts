import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { isReachable } from '../../events/addresses.ts';
import { DEFAULTS } from '../defaults.ts';
import type { ConfigFiles } from '../files.ts';
import type { Mistakes, Path } from '../mistakes.ts';
import type { Document } from '../schema.ts';
import { checkOrigin, checkWebhookUrl } from '../urls.ts';
import type { Partially } from '../validate.ts';
import { checkSigningSecrets } from './signing-secrets.ts';

type Part = Partially<Document>;
type Member<T> = Exclude<NonNullable<T>[keyof NonNullable<T>], undefined>;
type Webhook = Member<Member<Part['tenants']>['webhooks']>;
type Content = NonNullable<Part['content']>;

/** Of Standard Webhooks. */
const WEBHOOK_SECRET_BYTES = { least: 24, most: 64 };
const NEVER_INLINE = /html|xml|svg|javascript|ecmascript|pdf/;

/** What a tenant's webhooks name. */
export async function checkWebhook(
  path: Path,
  { url, secretFiles, allowedAddresses, caFile }: Webhook,
  files: ConfigFiles,
  mistakes: Mistakes,
): Promise<void> {
  checkWebhookUrl([...path, 'url'], url, mistakes);
  checkLiteral([...path, 'url'], url, allowedAddresses ?? [], mistakes);
  for (const [index, name] of (secretFiles ?? []).entries()) {
    const at = [...path, 'secretFiles', index];
    const secret = await files.readText(at, name);
    if (secret !== undefined && !isWebhookSecret(secret))
      mistakes.add(at, 'the file must hold `whsec_` and the base64 of 24 to 64 random bytes', name);
  }
  for (const [index, range] of (allowedAddresses ?? []).entries())
    if (range !== undefined && !isRange(range))
      mistakes.add([...path, 'allowedAddresses', index], 'must be a range such as 10.1.0.0/16', range);
  await files.readCertificates([...path, 'caFile'], caFile);
}

/** A host name is looked up, and judged, at each attempt; an address never changes, and is known to be wrong now. */
function checkLiteral(
  path: Path,
  url: string | undefined,
  allowed: readonly (string | undefined)[],
  mistakes: Mistakes,
): void {
  const host = URL.parse(url ?? '')?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
  const ranges = allowed.filter((range) => range !== undefined && isRange(range)) as string[];
  if (isIP(host) !== 0 && !isReachable(host, ranges))
    mistakes.add(path, 'its address must be public, or in allowedAddresses', url);
}

/** Base64 as receivers' libraries take it: a character too few there is a signature that never fits. */
function isWebhookSecret(text: string): boolean {
  const base64 = text.replace(/^whsec_/, '');
  const bytes = Buffer.from(base64, 'base64');
  const { least, most } = WEBHOOK_SECRET_BYTES;
  return bytes.toString('base64') === base64 && bytes.length >= least && bytes.length <= most;
}

function isRange(text: string): boolean {
  return ipaddr.isValidCIDR(text) && isIP(text.replace(/\/\d+$/, '')) !== 0 && !text.includes('%');
}

/** The settings of content and links. */
export async function checkContent(
  path: Path,
  { origin, linkSecretFiles, linkSeconds, inlineTypes }: Content,
  files: ConfigFiles,
  mistakes: Mistakes,
): Promise<void> {
  checkOrigin([...path, 'origin'], origin, mistakes);
  await checkSigningSecrets([...path, 'linkSecretFiles'], linkSecretFiles ?? [], files, mistakes);
  const seconds = { ...DEFAULTS.content.linkSeconds, ...linkSeconds };
  const { default: usual = NaN, max = NaN } = seconds;
  if (usual > max)
    mistakes.add([...path, 'linkSeconds', 'default'], `must be at most max, which is ${max}`, usual);
  for (const [index, type] of (inlineTypes ?? []).entries())
    if (type !== undefined && NEVER_INLINE.test(type))
      mistakes.add([...path, 'inlineTypes', index], 'must not be a type that can hold scripts', type);
}
