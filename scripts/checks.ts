/** Named checks for the scripts that prove what cannot be a unit test; the last line sums up as every suite does. */
export class Checks {
  #passed = 0;
  #failed = 0;

  /** A check that throws has failed. What it returns is printed beside its name. */
  async check(name: string, work: () => unknown): Promise<void> {
    const from = performance.now();
    try {
      const found = await work();
      this.#passed += 1;
      const seconds = ((performance.now() - from) / 1_000).toFixed(1);
      console.log(`✓ ${name} (${seconds} s)${typeof found === 'string' ? `: ${found}` : ''}`);
    } catch (error) {
      this.#failed += 1;
      console.log(`✗ ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  sumUp(): void {
    console.log(`${this.#passed} passed, ${this.#failed} failed, 0 skipped`);
    if (this.#failed > 0) process.exitCode = 1;
  }
}
