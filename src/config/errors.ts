/** One thing that is wrong with the configuration. */
export interface Mistake {
  /** Where: `tenants.acme.bucket`, `auth.issuers[0].jwksUrl`, an environment variable's name, or `file.yaml:12:3`. */
  readonly path: string;
  /** What stands there, as JSON. Absent where it is, or could be, a secret. */
  readonly value?: string;
  /** What would be right. */
  readonly message: string;
}

/** The configuration cannot be used. Holds every mistake that was found, none of them with a secret. */
export class ConfigErrors extends Error {
  readonly code = 'invalid_configuration';
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super(mistakes.map(line).join('\n'));
    this.name = 'ConfigErrors';
    this.mistakes = mistakes;
  }
}

/** For the terminal: one line each. */
export function formatMistakes(errors: ConfigErrors): string {
  return errors.mistakes.map((mistake) => `${line(mistake)}\n`).join('');
}

function line({ path, value, message }: Mistake): string {
  return `${path}${value === undefined ? '' : ` = ${value}`}: ${message}`;
}
