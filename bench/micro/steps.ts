export interface Step {
  readonly name: string;
  /** How often the step is done by one call of `run`. */
  readonly times?: number;
  run(): unknown;
}
