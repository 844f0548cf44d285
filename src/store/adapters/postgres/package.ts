import { PackageMissing } from '../../../custody/errors.ts';

export type Pg = (typeof import('pg'))['default'];

/** @throws PackageMissing */
export async function loadPg(): Promise<Pg> {
  try {
    return (await import('pg')).default;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new PackageMissing(
      'A store of kind "postgres" needs the package pg: npm install pg beside sealslot; npm install -g pg for a global one.',
      { cause: error },
    );
  }
}
