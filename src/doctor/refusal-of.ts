import { answerOf } from './ask.ts';

/** What S3 said to one of the service's own calls that failed: `403 AccessDenied`. */
export function refusalOf(error: unknown): string {
  const { status, code } = ((error as { cause?: unknown }).cause ?? {}) as {
    status?: unknown;
    code?: unknown;
  };
  if (typeof status !== 'number') return 'nothing';
  return answerOf({ status, code: typeof code === 'string' ? code : '' });
}
