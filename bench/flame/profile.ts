/** What `node --cpu-prof` writes, one file for each thread. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** Microseconds from the sample before. */
  readonly timeDeltas: readonly number[];
  /** Microseconds, by the clock of `endTime`. */
  readonly startTime: number;
  readonly endTime: number;
}

/** A function, called from where its parents say. */
export interface Frame {
  readonly name: string;
  /** Microseconds, of itself and of what it calls. */
  readonly total: number;
  readonly self: number;
  /** The longest first. */
  readonly children: readonly Frame[];
}

/** What no CPU was used for. */
const RESTING = new Set(['(idle)', '(program)']);

/**
 * The busy time, of the profile's tree.
 * @param root from whose folder files are named.
 * @param lastSeconds leaves out what was before: the start of a process is no load.
 */
export function framesOf(profile: CpuProfile, root: string, lastSeconds = Infinity): Frame {
  const selfOf = new Map<number, number>();
  let at = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const microseconds = Math.max(0, profile.timeDeltas[index] ?? 0);
    at += microseconds;
    if (at >= profile.endTime - lastSeconds * 1e6) selfOf.set(id, (selfOf.get(id) ?? 0) + microseconds);
  }
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const build = (id: number): Frame => {
    const node = byId.get(id);
    if (node === undefined) throw new Error(`the profile has no node ${id}`);
    const children = (node.children ?? [])
      .filter((child) => !RESTING.has(byId.get(child)?.callFrame.functionName ?? ''))
      .map(build)
      .sort((a, b) => b.total - a.total);
    const self = selfOf.get(id) ?? 0;
    const total = children.reduce((sum, child) => sum + child.total, self);
    return { name: nameOf(node.callFrame, root), total, self, children };
  };
  const [top] = profile.nodes;
  if (top === undefined) throw new Error('the profile is empty');
  return build(top.id);
}

function nameOf(
  { functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame'],
  root: string,
): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = url
    .replace(/^file:\/\//, '')
    .replace(`${root}/`, '')
    .replace(/^.*node_modules\//, '');
  return `${name} ${file}:${lineNumber + 1}`;
}

/** Where the time went itself, over all callers; the longest first. */
export function hottest(frame: Frame, most: number): { readonly name: string; readonly self: number }[] {
  const selfOf = new Map<string, number>();
  const add = ({ name, self, children }: Frame): void => {
    selfOf.set(name, (selfOf.get(name) ?? 0) + self);
    children.forEach(add);
  };
  add(frame);
  return [...selfOf]
    .map(([name, self]) => ({ name, self }))
    .sort((a, b) => b.self - a.self)
    .slice(0, most);
}
