import { stat } from 'node:fs/promises';
import type { CustodyConfig, WrapperConfig } from '../config/config.ts';
import { KeyRefused } from '../custody/errors.ts';
import { readKekFile, removeKek, rotateKekFile } from '../custody/kek-file.ts';
import type { SealslotError } from '../errors.ts';
import { isUnneeded, kekStatus, NOT_TOLD, type KekStatus } from '../uploads/kek-status.ts';
import { ANNOUNCE_MS, namesOf, servingReplicas, wrapsWith } from '../uploads/replicas.ts';
import { EX_TEMPFAIL, UsageError } from './command.ts';
import { loadOperated, openServices, type Operated } from './operator.ts';
import { processTerminal, sayJson, sayLine } from './partner/terminal.ts';

/** A running service reads the KEK file every few seconds. */
const SETTLED_MS = 60_000;

export interface StatusOptions {
  readonly json?: boolean;
}

export interface WrapperOptions {
  readonly wrapper: string;
}

export interface RetireOptions extends WrapperOptions {
  readonly kek: string;
}

/** What each KEK is, and what still needs it. @returns 1 when a wrapper is refused or keys need a KEK that cannot be used; else 75 when one is unknown. */
export async function status(options: StatusOptions, env: NodeJS.ProcessEnv): Promise<number> {
  await using keeper = await openKeeper(env);
  const keks = await keeper.status();
  if (options.json === true) sayJson(processTerminal.stdout, { keks });
  else for (const line of table(keks)) sayLine(processTerminal.stdout, line);
  if (keks.some(isWrong)) return 1;
  return keks.some(({ state }) => state === 'unknown') ? EX_TEMPFAIL : 0;
}

function isWrong(kek: KekStatus): boolean {
  if (kek.state === 'refused') return true;
  return kek.state !== 'usable' && kek.state !== 'unknown' && !isUnneeded(kek);
}

/** A fresh KEK in a KEK file, and the current one from now on. */
export async function rotate({ wrapper }: WrapperOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const config = await localConfig(wrapper, env);
  const { kekId } = await rotateKekFile(config.kekFile);
  sayLine(processTerminal.stdout, `${kekId} wraps new keys now; a running service takes it up in seconds.`);
  sayLine(processTerminal.stdout, `Back up ${config.kekFile} now, then: sealslot rewrap --to ${wrapper}`);
  return 0;
}

/** Refused while anything needs it. */
export async function retire({ wrapper, kek }: RetireOptions, env: NodeJS.ProcessEnv): Promise<number> {
  await using keeper = await openKeeper(env);
  const { services } = keeper;
  const ofWrapper = (await keeper.status()).filter(({ wrapperId }) => wrapperId === wrapper);
  const found = ofWrapper.find(({ kekId }) => kekId === kek && kekId !== NOT_TOLD);
  const refused = ofWrapper.find(({ kekId }) => kekId === NOT_TOLD);
  if (!found && refused) {
    sayLine(processTerminal.stderr, `refused: "${wrapper}" cannot be opened. ${refused.detail ?? ''}`);
    return 1;
  }
  if (!found)
    throw new UsageError(`--kek ${kek}: "${wrapper}" has no such KEK; \`sealslot kek status\` lists them`);
  if (!isUnneeded(found)) {
    sayLine(processTerminal.stderr, `refused: ${kek} is ${neededFor(found)}.`);
    sayLine(processTerminal.stderr, moving(found, services.config.custody));
    return 1;
  }
  const using = (await servingReplicas(services)).filter((replica) => wrapsWith(replica, found));
  if (using.length > 0) {
    sayLine(
      processTerminal.stderr,
      `refused: ${namesOf(using)} still wraps new keys with ${kek}. Bring its configuration or its KEK file up to date; then try again in ${ANNOUNCE_MS / 1000} s.`,
    );
    return 1;
  }
  const config = services.config.custody.wrappers[wrapper];
  if (config?.kind !== 'local') {
    sayLine(
      processTerminal.stdout,
      `Nothing needs ${kek} any more. Take "${wrapper}" out of custody.wrappers, restart, and disable the key at its keeper; delete it only when no backup of the store needs it.`,
    );
    return 0;
  }
  if ((await readKekFile(config.kekFile)).current === kek) {
    sayLine(
      processTerminal.stdout,
      `Nothing needs ${kek} any more. It is the current KEK of ${config.kekFile}, so the file goes with it: take "${wrapper}" out of custody.wrappers and restart; keep the file until no backup of the store needs it.`,
    );
    return 0;
  }
  const age = Date.now() - (await stat(config.kekFile)).mtimeMs;
  if (age < SETTLED_MS) {
    sayLine(
      processTerminal.stderr,
      `refused: ${config.kekFile} has just been changed; try again in ${Math.ceil((SETTLED_MS - age) / 1000)} s, when every process has read it.`,
    );
    return 1;
  }
  // The store refuses what it has wrapped from then on: a process may hold another copy of the file than this one.
  if (!(await services.store.custody.retire({ wrapperId: wrapper, kekId: kek }, services.now()))) {
    sayLine(
      processTerminal.stderr,
      `refused: keys were wrapped under ${kek} meanwhile; see \`sealslot kek status\`.`,
    );
    return 1;
  }
  await removeKek(config.kekFile, kek);
  sayLine(processTerminal.stdout, `${kek} is out of ${config.kekFile}. Backups of the store may need it.`);
  return 0;
}

interface Keeper extends Operated {
  status(): Promise<KekStatus[]>;
}

/** A wrapper that is refused is a line among the others, and keeps no command from them. */
async function openKeeper(env: NodeJS.ProcessEnv): Promise<Keeper> {
  const refused = new Map<string, string>();
  const operated = await openServices(await loadOperated(env, undefined), {
    refused: (id, why) => refused.set(id, wordsOf(why)),
  });
  return { ...operated, status: () => kekStatus(operated.services, refused) };
}

function wordsOf(why: SealslotError): string {
  return `${why.message} (${why instanceof KeyRefused ? `${why.code}: ${why.refusal}` : why.code})`;
}

function moving({ isCurrent }: KekStatus, { current, wrappers }: CustodyConfig): string {
  const rewrap = `sealslot rewrap --to ${current}`;
  if (!isCurrent) return `Move what needs it first: ${rewrap}`;
  const another =
    wrappers[current]?.kind === 'local'
      ? `\`sealslot kek rotate --wrapper ${current}\`, or another custody.current`
      : 'another custody.current';
  return `Let another wrap new keys first: ${another}. Then move what needs this one: ${rewrap}`;
}

async function localConfig(
  wrapper: string,
  env: NodeJS.ProcessEnv,
): Promise<Extract<WrapperConfig, { kind: 'local' }>> {
  const { wrappers } = (await loadOperated(env, undefined)).custody;
  const config = Object.hasOwn(wrappers, wrapper) ? wrappers[wrapper] : undefined;
  if (!config)
    throw new UsageError(`--wrapper ${wrapper}: must be one of ${Object.keys(wrappers).join(', ')}`);
  if (config.kind === 'local') return config;
  throw new UsageError(
    `--wrapper ${wrapper}: its keeper rotates it, not this command; then \`sealslot rewrap --to ${wrapper}\``,
  );
}

function* table(keks: readonly KekStatus[]): Generator<string> {
  for (const kek of keks) {
    const { wrapperId, kekId, state, isCurrent, deletionAt } = kek;
    const until = deletionAt === undefined ? '' : ` at ${new Date(deletionAt).toISOString()}`;
    yield `${wrapperId}  ${kekId}  ${state.replaceAll('_', ' ')}${until}${isCurrent ? ', current' : ''}`;
    if (kek.detail !== undefined) yield `    ${kek.detail}`;
    if (kek.kekId !== NOT_TOLD || kek.isCurrent)
      yield `    ${isUnneeded(kek) ? 'nothing needs it: it can be retired' : neededFor(kek)}`;
  }
}

function neededFor({ isCurrent, objectKeys, intermediateKeys, indirectKeys, copies }: KekStatus): string {
  const parts = [
    ...(isCurrent ? ['new keys'] : []),
    ...(objectKeys > 0 ? [`${objectKeys} keys of objects`] : []),
    ...(intermediateKeys > 0
      ? [`${intermediateKeys} intermediate keys, with ${indirectKeys} keys of objects under them`]
      : []),
    ...(copies > 0 ? [`${copies} recovery copies`] : []),
  ];
  return `needed for ${parts.join('; ')}`;
}
