import type { Rewrapped, RewrapStep } from '../../uploads/rewrap.ts';
import { FewOfEach } from '../few-of-each.ts';
import { StatusLine } from '../status-line.ts';
import { sayJson, sayLine, type Terminal } from '../partner/terminal.ts';

/** What a dry run says. */
const TO_DO: Readonly<Record<string, string>> = { moved: 'to move', renewed: 'to renew' };

type Counts = Partial<Record<Rewrapped['outcome'], number>>;

/** Counts by step, an estimate while it works, a line for the first keys of each reason that could not be moved; with `json`, for all. */
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
  readonly #status: StatusLine;
  readonly #few = new FewOfEach();
  #seen = 0;

  /** @param total keys to look at, for the estimate. */
  constructor(terminal: Pick<Terminal, 'stdout' | 'stderr' | 'now'>, total: number, json: boolean) {
    this.#terminal = terminal;
    this.#total = total;
    this.#json = json;
    this.#beganAt = terminal.now();
    this.#status = new StatusLine(terminal.stderr, terminal.now);
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
      this.#sayFailed(`${code ?? 'failed'} (${step})`, `${tenant} ${id}, generation ${generation}`);
    }
    this.#status.show(() => this.#howFar(step));
  }

  #sayFailed(why: string, key: string): void {
    if (this.#json || this.#few.says(why)) this.#status.say(`${key}: ${why}`);
  }

  end(early: string | undefined, isDryRun: boolean): void {
    this.#status.clear();
    for (const line of this.#few.unsaid()) this.#status.say(line);
    if (early !== undefined) this.#status.say(early);
    if (this.#json) sayJson(this.#terminal.stdout, { dryRun: isDryRun, ended: early, ...this.#counts });
    else for (const line of this.#summary(isDryRun)) sayLine(this.#terminal.stdout, line);
  }

  *#summary(isDryRun: boolean): Generator<string> {
    for (const [step, counts] of Object.entries(this.#counts)) {
      const said = Object.entries(counts).map(
        ([outcome, count]) =>
          `${count} ${(isDryRun ? TO_DO[outcome] : undefined) ?? outcome.replace('_', ' ')}`,
      );
      yield `${step}: ${said.length === 0 ? 'none' : said.join(', ')}`;
    }
  }

  #howFar(step: RewrapStep): string {
    const seconds = (this.#terminal.now() - this.#beganAt) / 1000;
    const left = (this.#total - this.#seen) * (seconds / Math.max(1, this.#seen));
    const estimate = step === 'copies' ? '' : `, about ${Math.ceil(Math.max(0, left))} s left`;
    return `${step}: ${this.#seen} of ${this.#total} keys${estimate}`;
  }
}
