import { answerOf, type Said } from './ask.ts';
import { about, type Finding } from './finding.ts';

/** What is off while a question is open whose answer could be "unsafe". */
export const UNEXAMINED = 'what could not be examined';

/** For a question that matters, answered neither yes nor no: silence is no ✓. */
export function unexamined(subject: string, check: string, said: Said): Finding {
  const found = `not examined: S3 says ${answerOf(said)}`;
  return about(subject).off(check, found, 'see in the log of S3 why, and run the doctor again', [UNEXAMINED]);
}
