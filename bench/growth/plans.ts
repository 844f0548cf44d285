/** What PostgreSQL's auto_explain has logged, as JSON. */
interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly Node[];
}

interface Logged {
  readonly 'Query Text': string;
  readonly Plan: Node;
}

export interface Seen {
  /** Pages of 8 KiB that all statements of the operation looked at, found in memory or not. */
  readonly pages: number;
  /** Rows that were read and thrown away. */
  readonly passed: number;
  /** `Index Scan uploads_live`, `Seq Scan uploads` … of stored tables. */
  readonly scans: readonly string[];
}

/** The lines of the server's log, in order: JSON from a line with `plan:` to a brace that closes it. */
export function plansIn(lines: readonly string[]): Logged[] {
  const found: Logged[] = [];
  let open: string[] | undefined;
  for (const line of lines) {
    if (/plan:$/.test(line)) open = [];
    else if (open !== undefined) {
      open.push(line);
      if (line === '\t}' || line === '}') {
        found.push(JSON.parse(open.join('\n')) as Logged);
        open = undefined;
      }
    }
  }
  return found;
}

/** Over all statements of one call of an operation. */
export function summed(plans: readonly Logged[]): Seen {
  const scans = new Set<string>();
  let pages = 0;
  let passed = 0;
  const visit = (node: Node): void => {
    const below = node.Plans ?? [];
    // Those below are in it, but for changes that are only made once it is done: then it has fewer than they.
    pages += Math.max(0, pagesOf(node) - below.reduce((sum, child) => sum + pagesOf(child), 0));
    passed += (node['Rows Removed by Filter'] ?? 0) * (node['Actual Loops'] ?? 1);
    if (node['Node Type'].endsWith('Scan') && (node['Actual Loops'] ?? 0) > 0) {
      const on = node['Index Name'] ?? node['Relation Name'];
      if (on !== undefined) scans.add(`${node['Node Type']} ${on}`);
    }
    below.forEach(visit);
  };
  for (const { Plan } of plans) visit(Plan);
  return { pages, passed, scans: [...scans] };
}

const pagesOf = (node: Node): number => (node['Shared Hit Blocks'] ?? 0) + (node['Shared Read Blocks'] ?? 0);
