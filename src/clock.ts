/** Milliseconds since the epoch. Injected, so that tests can be at any time. */
export type Clock = () => number;
