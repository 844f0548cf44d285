import type { Finding } from '../doctor/finding.ts';

/** The application, or what it passed, does not fit: the message says what to change. */
export class HostUnfit extends Error {
  readonly code = 'host_unfit';

  constructor(message: string) {
    super(message);
    this.name = 'HostUnfit';
  }
}

/** Serving would lose or leak keys: `sealslot serve` refuses the same with exit code 2. */
export class UnsafeToServe extends Error {
  readonly code = 'unsafe_to_serve';
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[]) {
    const lines = findings.map(
      ({ subject, found, remedy }) => `${subject}: ${found}; ${remedy ?? 'see `sealslot doctor`'}`,
    );
    super(`Serving would lose or leak keys.\n${lines.join('\n')}`);
    this.name = 'UnsafeToServe';
    this.findings = findings;
  }
}
