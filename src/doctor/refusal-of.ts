import { answerOf } from './ask.ts';

/** What S3 said to one of the service's own calls that failed: `403 AccessDenied`. */
export function refusalOf(error: unknown): string {
  const status = statusOf(error);
  if (status === undefined) return 'nothing';
  const { code } = causeOf(error);
  return answerOf({ status, code: typeof code === 'string' ? code : '' });
}

/** The HTTP status of such an answer; undefined when none came. */
export function statusOf(error: unknown): number | undefined {
  const { status } = causeOf(error);
  return typeof status === 'number' ? status : undefined;
}

function causeOf(error: unknown): { status?: unknown; code?: unknown } {
  return (error as { cause?: unknown }).cause ?? {};
}
