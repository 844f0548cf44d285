import type { Rewrapped, RewrapStep } from '../../uploads/rewrap.ts';
import { sayJson, sayLine, type Terminal } from '../partner/terminal.ts';

const PROGRESS_EVERY_MS = 200;
const CLEAR_LINE = '\r\x1b[K';

type Counts = Partial<Record<Rewrapped['outcome'], number>>;

/** Counts by step, an estimate while it works, a line for each key that could not be moved. */
export class RewrapReport {
  readonly #terminal: Pick<Terminal, 'stdout' | 'stderr' | 'now'>;
  readonly #total: number;
  readonly #json: boolean;
  readonly #beganAt: number;
  readonly #counts: Record<RewrapStep, Counts> = {
    'intermediate keys': {},
    'object keys': {},
    copies: {},
  };
  #seen = 0;
  #shownAt = 0;

  /** @param total keys to look at, for the estimate. */
  constructor(terminal: Pick<Terminal, 'stdout' | 'stderr' | 'now'>, total: number, json: boolean) {
    this.#terminal = terminal;
    this.#total = total;
    this.#json = json;
    this.#beganAt = terminal.now();
  }

  get hasFailed(): boolean {
    return Object.values(this.#counts).some(({ failed = 0 }) => failed > 0);
  }

  /** Something is left that a later run can do. */
  get isWaiting(): boolean {
    const left = ({ waiting = 0, lost_race: lost = 0 }: Counts) => waiting + lost > 0;
    return Object.values(this.#counts).some(left);
  }

  add(rewrapped: Rewrapped): void {
    const { step, outcome, tenant, id, generation, code } = rewrapped;
    const counts = this.#counts[step];
    counts[outcome] = (counts[outcome] ?? 0) + 1;
    if (step !== 'copies') this.#seen += 1;
    if (outcome === 'failed') {
      this.#clear();
      sayLine(
        this.#terminal.stderr,
        `${tenant} ${id}, generation ${generation}: ${code ?? 'failed'} (${step})`,
      );
    }
    this.#progress(step);
  }

  end(early: string | undefined, isDryRun: boolean): void {
    this.#clear();
    if (early !== undefined) sayLine(this.#terminal.stderr, early);
    if (this.#json) sayJson(this.#terminal.stdout, { dryRun: isDryRun, ended: early, ...this.#counts });
    else for (const line of this.#summary(isDryRun)) sayLine(this.#terminal.stdout, line);
  }

  *#summary(isDryRun: boolean): Generator<string> {
    for (const [step, counts] of Object.entries(this.#counts)) {
      const said = Object.entries(counts).map(
        ([outcome, count]) =>
          `${count} ${isDryRun && outcome === 'moved' ? 'to move' : outcome.replace('_', ' ')}`,
      );
      yield `${step}: ${said.length === 0 ? 'none' : said.join(', ')}`;
    }
  }

  #progress(step: RewrapStep): void {
    const { stderr, now } = this.#terminal;
    if (stderr.isTTY !== true || now() - this.#shownAt < PROGRESS_EVERY_MS) return;
    this.#shownAt = now();
    const seconds = (now() - this.#beganAt) / 1000;
    const left = (this.#total - this.#seen) * (seconds / Math.max(1, this.#seen));
    const estimate = step === 'copies' ? '' : `, about ${Math.ceil(Math.max(0, left))} s left`;
    stderr.write(`${CLEAR_LINE}${step}: ${this.#seen} of ${this.#total} keys${estimate}`);
  }

  #clear(): void {
    if (this.#terminal.stderr.isTTY === true) this.#terminal.stderr.write(CLEAR_LINE);
  }
}
