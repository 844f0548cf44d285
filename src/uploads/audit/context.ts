import type { Services } from '../services.ts';
import type { AuditFinding } from './finding.ts';

/** What an audit looks at, and how much of it. */
export interface AuditContext {
  readonly services: Services;
  /** Only this tenant's slots and buckets. */
  readonly tenant: string | undefined;
  /** So many slots and so many listed versions, chosen at random; all unless given. */
  readonly sample: number | undefined;
  /** How many are looked at at once. */
  readonly parallel: number;
  /** What the object keys of the doctor's canaries begin with. */
  readonly canaries: string;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Begins nothing more once aborted. */
  readonly signal: AbortSignal;
  /** Each as it is certain. */
  readonly report: (finding: AuditFinding) => void;
}
