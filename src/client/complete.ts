import { hasCode } from './errors.ts';
import type { Slot } from './model.ts';
import type { Patience } from './retry.ts';
import type { ServiceClient } from './service.ts';

/**
 * Has the service say that the object is there. What S3 has taken, it shows at once or soon; to put parts together, and to read them
 * again, may take it minutes.
 * @throws ServiceProblem: also 409 `not_arrived` where parts are missing, and 409 `restart_needed`.
 */
export async function complete(
  service: ServiceClient,
  id: string,
  patience: Patience,
  signal: AbortSignal | undefined,
): Promise<Slot> {
  for (;;) {
    try {
      return await service.complete(id, signal);
    } catch (error) {
      if (hasCode(error, 'still_completing')) await patience.whileUnderWay(error);
      else {
        const isEarly = hasCode(error, 'not_arrived') && !missingPartsOf(error);
        if (!isEarly || !(await patience.afterRefusal(error))) throw error;
      }
    }
  }
}

/** @returns the first of the missing part numbers; undefined when no part is missing, or it was another answer. */
export function missingPartsOf(error: unknown): number[] | undefined {
  return hasCode(error, 'not_arrived') ? (error.members['missingParts'] as number[] | undefined) : undefined;
}
