import { openStore } from '../composition.ts';
import { loadConfig } from '../config/load.ts';
import type { MessageState, OutboxStore, QueuedMessage } from '../store/port.ts';
import { configPath, UsageError } from './command.ts';
import { demandStore } from './operator.ts';
import { processTerminal, sayJson, sayLine } from './partner/terminal.ts';

const PAGE = 500;

export interface ListOptions {
  readonly tenant?: string;
  readonly state?: MessageState;
  readonly json?: boolean;
}

export interface ReplayOptions {
  readonly tenant?: string;
  readonly dead?: boolean;
}

/** Messages of the outbox, the newest first; beside a running service too. */
export async function listMessages(options: ListOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { json = false, ...query } = options;
  const { stdout } = processTerminal;
  await using opened = await openOutbox(env);
  for (let before: string | undefined; ;) {
    const page = await opened.outbox.list({ ...query, ...(before !== undefined && { before }), limit: PAGE });
    for (const message of page) {
      if (json) sayJson(stdout, asJson(message));
      else sayLine(stdout, asLine(message));
    }
    before = page.at(-1)?.id;
    if (page.length < PAGE) return 0;
  }
}

/** Has messages sent again, or now. A running service notices within `jobs.intervalSeconds`. */
export async function replayMessages(
  ids: readonly string[],
  options: ReplayOptions,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { tenant, dead = false } = options;
  if (dead === ids.length > 0) throw new UsageError('give ids of messages, or --dead');
  if (tenant !== undefined && !dead) throw new UsageError('--tenant goes with --dead');
  const unique = [...new Set(ids)];
  await using opened = await openOutbox(env);
  const which = dead ? { dead, ...(tenant !== undefined && { tenant }) } : { ids: unique };
  const { again, sooner } = await opened.outbox.replay(which, Date.now());
  const { stdout, stderr } = processTerminal;
  sayLine(stdout, `${again.length} to be sent again`);
  for (const id of sooner) sayLine(stdout, `${id}: still pending, to be sent now`);
  const found = new Set([...again, ...sooner]);
  const lost = dead ? [] : unique.filter((id) => !found.has(id));
  for (const id of lost) sayLine(stderr, `${id}: no such message`);
  return lost.length === 0 ? 0 : 1;
}

/** A tenant that has left the configuration may have left messages behind: `--tenant` is not compared with it. */
async function openOutbox(
  env: NodeJS.ProcessEnv,
): Promise<AsyncDisposable & { readonly outbox: OutboxStore }> {
  const config = await loadConfig({ path: configPath(env), env });
  await demandStore(config);
  const store = await openStore(config, { serves: false });
  return { outbox: store.outbox, [Symbol.asyncDispose]: () => store.close() };
}

function asJson(message: QueuedMessage): object {
  const { id, tenant, webhook, uploadId, type, state, attempts, lastFailure, ...times } = message;
  return {
    ...{ id, state, tenant, webhook, type, uploadId, attempts, lastFailure },
    createdAt: timeOf(times.createdAt),
    nextAttemptAt: state === 'pending' ? timeOf(times.nextAttemptAt) : null,
    endedAt: times.endedAt === null ? null : timeOf(times.endedAt),
  };
}

function asLine(message: QueuedMessage): string {
  const { id, tenant, webhook, uploadId, type, state, attempts, lastFailure, nextAttemptAt, endedAt } =
    message;
  const when = state === 'pending' ? `next ${timeOf(nextAttemptAt)}` : timeOf(endedAt ?? nextAttemptAt);
  const why = lastFailure === null ? '' : `: ${lastFailure}`;
  return `${id} ${state} ${tenant}/${webhook} ${type} ${uploadId}, attempts: ${attempts}, ${when}${why}`;
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
