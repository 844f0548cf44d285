import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bucketsIn } from '../../../../src/cli/cors/buckets.ts';
import type { Config } from '../../../../src/config/config.ts';
import { planFor, ruleFor } from '../../../../src/cors/rule.ts';
import type { CorsRule } from '../../../../src/s3/port.ts';

const at = (address: string) => ({ endpoint: new URL(address), publicEndpoint: new URL(address) });
const config = {
  cors: { origins: ['https://app.example.com'] },
  s3: {
    targets: {
      main: at('https://s3.example.com'),
      otherCredentials: at('https://s3.example.com/'),
      elsewhere: at('https://s3.example.org'),
    },
  },
  tenants: {
    acme: { target: 'main', bucket: 'shared', methods: ['PUT'] },
    globex: { target: 'otherCredentials', bucket: 'shared', methods: ['POST'] },
    initech: { target: 'elsewhere', bucket: 'shared', methods: ['multipart'] },
    umbrella: { target: 'main', bucket: 'own', methods: ['PUT'] },
  },
} as unknown as Config;

describe('the buckets that need a rule', () => {
  it('need one for all tenants, by whichever target these reach it', () => {
    const needs = bucketsIn(config).map(({ subject, methods }) => [subject, [...methods].sort()]);
    assert.deepEqual(needs, [
      ['bucket shared on main (acme)', ['POST', 'PUT']],
      ['bucket own on main (umbrella)', ['PUT']],
      ['bucket shared on otherCredentials (globex)', ['POST', 'PUT']],
      ['bucket shared on elsewhere (initech)', ['multipart']],
    ]);
  });

  it('have it once the last of them is applied, and then nothing is left to do', () => {
    const shared = bucketsIn(config).filter(
      ({ target, bucket }) => bucket === 'shared' && target !== 'elsewhere',
    );
    let rules: readonly CorsRule[] = [];
    for (const need of shared) rules = planFor(rules, ruleFor(need), false).rules;
    assert.deepEqual(
      rules.map(({ AllowedMethods }) => AllowedMethods),
      [['GET', 'HEAD', 'PUT', 'POST']],
    );
    for (const need of shared) assert.deepEqual(planFor(rules, ruleFor(need), false).added, []);
  });
});
