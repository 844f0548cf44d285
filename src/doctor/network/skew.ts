import { about, type Finding } from '../finding.ts';
import { span } from '../words.ts';

const SMALL_MS = 5_000;
/** From here on S3 answers RequestTimeTooSkewed. */
const REFUSED_MS = 15 * 60_000;
const OFF = ['uploads', 'downloads', 'complete', 'DELETE'];

/** @param skew S3's clock minus ours in milliseconds; NaN when S3 did not tell. */
export function judgeSkew(subject: string, at: string, skew: number): Finding {
  const say = about(subject);
  if (Number.isNaN(skew)) {
    return say.note('clock', `${at} answers without a readable Date, so clocks cannot be compared`);
  }
  if (Math.abs(skew) <= SMALL_MS) {
    return say.ok('clock', `this machine and ${at} differ by ${span(skew)}`);
  }
  const found = `this machine's clock is ${span(skew)} ${skew > 0 ? 'behind' : 'ahead of'} that of ${at}`;
  const remedy = "set this machine's clock by NTP";
  if (Math.abs(skew) < REFUSED_MS) {
    return say.note(
      'clock',
      found,
      `${remedy}; until then the service allows for it in the ends of its URLs`,
    );
  }
  return say.off('clock', `${found}; S3 refuses every signature (RequestTimeTooSkewed)`, remedy, OFF);
}
