/** Called around every call of a port, with its name; a throw takes the place of the call, or of its answer. */
export interface Interference {
  before?(call: string): void;
  after?(call: string, answer: unknown): void;
}

/** The port, with interference around its asynchronous methods; `skewMs` asks nobody. */
export function watch<T extends object>(name: string, port: T, interferences: readonly Interference[]): T {
  return new Proxy(port, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function' || typeof property !== 'string' || property === 'skewMs')
        return member;
      const call = `${name}.${property}`;
      return async (...args: unknown[]) => {
        for (const interference of interferences) interference.before?.(call);
        const answer: unknown = await Reflect.apply(member, target, args);
        for (const interference of interferences) interference.after?.(call, answer);
        return answer;
      };
    },
  });
}
