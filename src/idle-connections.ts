import type { Agent } from 'node:https';

/**
 * Ends the connections that wait for their next use. When one has fallen silent, the others have most likely too: a firewall that forgot them, or a
 * server that is gone, tells nobody. Else each of them would cost a call of its own its time.
 */
export function endIdle(agent: Agent): void {
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of sockets ?? []) socket.destroy();
}
