import type { Upload } from '../uploads/upload.ts';

/** Beside those of a pass: S3's connections are few, and some servers hold one for as long as a PUT is under way. */
const MOST_AT_ONCE = 8;
/** So that whoever comes next begins at once, whatever another tenant has in hand. */
const MOST_OF_ONE = 4;
/** Of one lane. What is over waits for a pass: the store has it as due. */
const MOST_WAITING = 10_000;

/** Looks at single slots, a few at once, tenants in turn; within a tenant, hints and removals in turn. */
export interface Looks {
  /** A slot waits once however often it is added, and what is added while it is in hand is looked at next. */
  add(upload: Upload): void;
  /** Forgets what waits; resolves when the looks in hand have ended. */
  stop(): Promise<void>;
}

/** What is served in turn: a slot's tenant and whether it is removed. A DELETE must not wait for all hints of its own tenant. */
interface Lane {
  readonly waiting: Map<string, Upload>;
  inHand: number;
}

/** @param look never rejects. */
export function createLooks(look: (upload: Upload) => Promise<void>): Looks {
  /** In the order of their turns. One that is at rest is left out. */
  const lanes = new Map<string, Lane>();
  const inHand = new Map<string, Promise<void>>();
  let stopped = false;

  function next(): void {
    while (!stopped && inHand.size < MOST_AT_ONCE) {
      const turn = nextTurn();
      if (turn === undefined) return;
      const { name, lane, upload } = turn;
      // Its next turn comes after everybody else's.
      lanes.delete(name);
      lanes.set(name, lane);
      lane.waiting.delete(upload.id);
      begin(name, lane, upload);
    }
  }

  function nextTurn(): { name: string; lane: Lane; upload: Upload } | undefined {
    for (const [name, lane] of lanes) {
      if (lane.inHand >= MOST_OF_ONE) continue;
      // What is passed over here is in hand, so it is less than a handful.
      for (const upload of lane.waiting.values()) if (!inHand.has(upload.id)) return { name, lane, upload };
    }
    return undefined;
  }

  function begin(name: string, lane: Lane, upload: Upload): void {
    lane.inHand += 1;
    const looking = look(upload).finally(() => {
      inHand.delete(upload.id);
      lane.inHand -= 1;
      rest(name);
      next();
    });
    inHand.set(upload.id, looking);
  }

  function rest(name: string): void {
    const lane = lanes.get(name);
    if (lane?.inHand === 0 && lane.waiting.size === 0) lanes.delete(name);
  }

  return {
    add(upload) {
      if (stopped) return;
      const name = laneOf(upload);
      const other = laneOf(upload, !isRemoved(upload));
      // Nothing comes back from its removal: a hint that was on its way when the DELETE came is late.
      if (!isRemoved(upload) && lanes.get(other)?.waiting.has(upload.id) === true) return;
      lanes.get(other)?.waiting.delete(upload.id);
      rest(other);
      const lane = lanes.get(name) ?? { waiting: new Map<string, Upload>(), inHand: 0 };
      if (lane.waiting.size >= MOST_WAITING) return;
      lanes.set(name, lane);
      lane.waiting.set(upload.id, upload);
      next();
    },
    async stop() {
      stopped = true;
      await Promise.all(inHand.values());
    },
  };
}

function isRemoved({ state }: Upload): boolean {
  return state === 'deleting' || state === 'rejected';
}

function laneOf(upload: Upload, removed = isRemoved(upload)): string {
  return `${removed ? 'removal' : 'hint'} ${upload.tenant}`;
}
