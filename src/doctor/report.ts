import { styleText } from 'node:util';
import { printable, printableJson } from '../printable.ts';
import { CHECKS } from './checks.ts';
import type { Finding, Outcome } from './finding.ts';
import { UNEXAMINED } from './unexamined.ts';

/** 2 when it is unsafe to serve, 1 when a feature is off, else 0. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 2 {
  const has = (outcome: Outcome) => findings.some((finding) => finding.outcome === outcome);
  return has('unsafe') ? 2 : has('off') ? 1 : 0;
}

export interface ReportStyle {
  /** Says of every line what it means. */
  readonly explain: boolean;
  readonly colours: boolean;
}

const SYMBOLS: Readonly<Record<Outcome, readonly [symbol: string, colour: 'green' | 'red' | 'yellow']>> = {
  ok: ['✓', 'green'],
  off: ['✗', 'red'],
  unsafe: ['✗', 'red'],
  note: ['–', 'yellow'],
};

const TITLE_WIDTH = Math.max(...Object.values(CHECKS).map(({ title }) => title.length));

/** Writes findings as they come, under a heading for each subject. */
export class TextReport {
  readonly #style: ReportStyle;
  readonly #write: (text: string) => void;
  #subject = '';

  constructor(style: ReportStyle, write: (text: string) => void) {
    this.#style = style;
    this.#write = write;
  }

  add(finding: Finding): void {
    const { subject, outcome, found, remedy, off } = finding;
    const check = CHECKS[finding.check] ?? { title: finding.check, means: '' };
    if (subject !== this.#subject) this.#say(`${this.#subject === '' ? '' : '\n'}${subject}\n`);
    this.#subject = subject;
    const [symbol, colour] = SYMBOLS[outcome];
    const shown = this.#style.colours ? styleText(colour, symbol, { validateStream: false }) : symbol;
    this.#write(`  ${shown} ${printable(`${check.title.padEnd(TITLE_WIDTH)}  ${found}`)}\n`);
    const explains = this.#style.explain || outcome === 'off' || outcome === 'unsafe';
    if (explains && check.means !== '') this.#detail('means', check.means);
    if (outcome === 'unsafe') this.#detail('UNSAFE', 'do not serve from here');
    if (off !== undefined) this.#detail('off', off.join('; '));
    if (remedy !== undefined) this.#detail('do', remedy);
  }

  end(findings: readonly Finding[]): void {
    const count = (...outcomes: Outcome[]) =>
      findings.filter(({ outcome }) => outcomes.includes(outcome)).length;
    const off = [...new Set(findings.flatMap((finding) => finding.off ?? []))];
    const verdict = {
      0: 'All is right.',
      1: `${off.includes(UNEXAMINED) ? 'Not known to be safe, and' : 'Safe to serve, but'} off: ${off.join('; ')}.`,
      2: 'Unsafe: do not serve until the lines marked UNSAFE are mended.',
    }[exitCodeOf(findings)];
    this.#say(
      `\n${count('ok')} right, ${count('off', 'unsafe')} wrong, ${count('note')} notes. ${verdict}\n`,
    );
  }

  #detail(word: string, text: string): void {
    const indent = ' '.repeat(TITLE_WIDTH + 6);
    this.#say(`${indent}${word}: ${text.replaceAll('\n', `\n${indent}  `)}\n`);
  }

  /** Only its own lines are broken. */
  #say(text: string): void {
    this.#write(text.split('\n').map(printable).join('\n'));
  }
}

/** One document for programs; members are only ever added. */
export function jsonReport(findings: readonly Finding[]): string {
  const lines = findings.map((finding) => ({ ...finding, title: CHECKS[finding.check]?.title }));
  const json = JSON.stringify({ exitCode: exitCodeOf(findings), findings: lines }, null, 2);
  return `${printableJson(json)}\n`;
}
