export interface Instruction {
  readonly name: string;
  /** `--from=build` and the like. */
  readonly flags: ReadonlyMap<string, string>;
  /** What follows, as written, on one line. */
  readonly text: string;
}

export interface Stage {
  readonly name: string;
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

/** A Dockerfile by its stages; the last one is what `docker build` gives. */
export function parseDockerfile(text: string): Stage[] {
  const stages: { name: string; base: string; instructions: Instruction[] }[] = [];
  for (const instruction of instructionsOf(text)) {
    if (instruction.name !== 'FROM') {
      const stage = stages.at(-1);
      if (stage === undefined) throw new Error(`${instruction.name} before the first FROM`);
      stage.instructions.push(instruction);
      continue;
    }
    const [, base = '', name = ''] = /^(\S+)(?: AS (\S+))?$/i.exec(instruction.text) ?? [];
    stages.push({ name, base, instructions: [] });
  }
  return stages;
}

function instructionsOf(text: string): Instruction[] {
  const whole = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n\s*/g, '');
  return whole
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', options = '', rest = ''] = /^([A-Z]+)((?: +--\S+)*) +(.*)$/.exec(line.trim()) ?? [];
      if (name === '') throw new Error(`this is no instruction: ${line}`);
      const flags = options
        .trim()
        .split(/ +/)
        .filter((flag) => flag !== '')
        .map((flag): [string, string] => {
          const [key = '', value = ''] = flag.slice(2).split('=', 2);
          return [key, value];
        });
      return { name, flags: new Map(flags), text: rest };
    });
}

/** `A=1 B="two words"` of ENV and LABEL. */
export function pairs(text: string): Map<string, string> {
  const found = text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S*))/g);
  return new Map(Array.from(found, ([, key = '', quoted, plain]) => [key, quoted ?? plain ?? '']));
}

/** The exec form of CMD and ENTRYPOINT: without a shell in between, signals reach the program. */
export function execForm(text: string): string[] {
  if (!text.startsWith('[')) throw new Error(`must be in exec form, ["program", …]: ${text}`);
  return JSON.parse(text) as string[];
}
