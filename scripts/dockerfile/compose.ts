import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface ComposeService {
  readonly user?: string;
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly healthcheck?: { test: readonly string[] };
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly init?: boolean;
  readonly profiles?: readonly string[];
}

type Single = 'sealslot' | 'setup' | 'minio' | 'prepare';
/** Of the profile `scale`. */
type Scale =
  | 'balancer'
  | 'replica-1'
  | 'replica-2'
  | 'setup-scale'
  | 'setup-openbao'
  | 'openbao'
  | 'postgres'
  | 'prepare-scale';

export interface Compose {
  readonly services: Readonly<Record<Single | Scale, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export function readCompose(): Compose {
  const text = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8');
  return parse(text, { merge: true }) as Compose;
}
