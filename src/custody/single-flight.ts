/** Of several calls of one name at once, one works; all get what it gets. */
export class SingleFlight {
  readonly #running = new Map<string, Promise<void>>();

  run(name: string, work: () => Promise<void>): Promise<void> {
    const running =
      this.#running.get(name) ??
      work().finally(() => {
        this.#running.delete(name);
      });
    this.#running.set(name, running);
    return running;
  }
}
