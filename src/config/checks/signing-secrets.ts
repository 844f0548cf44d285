import type { ConfigFiles } from '../files.ts';
import type { Mistakes, Path } from '../mistakes.ts';

/** Of HMAC-SHA256: a shorter one is weaker than the signature. */
const LEAST = 32;

/** The secrets that the service signs tokens of its own with. */
export async function checkSigningSecrets(
  path: Path,
  names: readonly (string | undefined)[],
  files: ConfigFiles,
  mistakes: Mistakes,
): Promise<void> {
  for (const [index, name] of names.entries()) {
    const at = [...path, index];
    const secret = await files.readText(at, name);
    if (secret !== undefined && secret.length < LEAST)
      mistakes.add(at, `the file must hold at least ${LEAST} characters`, name);
  }
}
