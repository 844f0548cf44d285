import { InvalidArgumentError } from 'commander';

export type Environment = NodeJS.ProcessEnv;

/** Gets the exit code of the command that ran. */
export type Finish = (exitCode: number) => void;

export const CONFIG_HELP = `
The configuration is sealslot.yaml, or the file that SEALSLOT_CONFIG names.`;

/** A whole number from `least` to `most`. */
export function count(most: number, least = 1): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}
