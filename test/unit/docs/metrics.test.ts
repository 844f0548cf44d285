import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collectDefaultMetrics } from 'prom-client';
import { parse } from 'yaml';
import { createMetrics } from '../../../src/http/metrics.ts';
import { blocksOf, readPage } from './pages.ts';

const PAGE = 'docs/metrics.md';
const page = await readPage(PAGE);
const metrics = createMetrics();
metrics.watchKeks(async () => []);
metrics.watchMessages(async () => ({ pending: 0, delivered: 0, dead: 0 }));
metrics.watchConnections(() => ({ most: 1, inUse: 0, idle: 0, waiting: 0 }));
const { registry } = metrics;
const ours = registry.getMetricsAsArray();
const namesIn = (text: string, pattern: RegExp): string[] =>
  Array.from(text.matchAll(pattern), ([name]) => name);

/** Its rows: name, labels and what they may be. */
const rows = Array.from(
  page.matchAll(/^\| `(?<name>sealslot_\w+)` +\| (?<kind>\w+) +\| (?<labels>[^|]*)\|/gm),
);

describe(PAGE, () => {
  it('has every metric, with its kind and labels, and no other', () => {
    const said = rows.map(({ groups = {} }) => ({
      name: groups.name ?? '',
      kind: groups.kind,
      labels: namesIn(groups.labels ?? '', /\w+/g),
    }));
    const made = ours.map((metric) => {
      const { name, labelNames } = metric as unknown as { name: string; labelNames: string[] };
      return { name, kind: metric.constructor.name.toLowerCase(), labels: labelNames };
    });
    const byName = (one: { name: string }, other: { name: string }): number =>
      one.name.localeCompare(other.name);
    assert.deepEqual(said.toSorted(byName), made.toSorted(byName));
  });

  it('has every outcome of slots, and every dependency', async () => {
    const shown = await registry.metrics();
    const values = Array.from(
      shown.matchAll(/(?:outcome|dependency)="(?<value>\w+)"/g),
      (found) => found[1]!,
    );
    assert.ok(values.length > 15);
    for (const value of values) assert.ok(page.includes(`\`${value}\``), value);
  });

  it('names metrics of the process that exist', () => {
    const before = registry.getMetricsAsArray().length;
    collectDefaultMetrics({ register: registry });
    const made = registry.getMetricsAsArray().map(({ name }) => name);
    assert.ok(made.length > before);
    const named = namesIn(page, /\b(?:process|nodejs)_\w+/g);
    assert.ok(named.length > 5);
    for (const name of named) assert.ok(made.includes(name), name);
  });

  it('alerts on metrics and labels that exist', async () => {
    const [block] = await blocksOf(PAGE);
    const { groups } = parse(block?.text ?? '') as {
      groups: { rules: { alert: string; expr: string }[] }[];
    };
    const rules = groups.flatMap(({ rules }) => rules);
    assert.ok(rules.length > 5);
    for (const { alert, expr } of rules) {
      assert.match(alert, /^Sealslot[A-Z]/);
      for (const [, used = '', by = ''] of expr.matchAll(/(sealslot_\w+)(?:\{(\w+))?/g)) {
        const metric = rows.find(({ groups = {} }) => groups.name === used.replace(/_count$/, ''));
        assert.ok(metric, `${alert}: ${used}`);
        assert.ok(by === '' || metric.groups?.labels?.includes(`\`${by}\``), `${alert}: ${by}`);
      }
    }
  });
});
