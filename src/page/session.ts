/** What a token lets its bearer do, as far as it has been tried. */
export type Ability = 'list' | 'read' | 'delete';

/** The visitor's token: in this closure, and nowhere else. */
export class Session {
  readonly #token: string;
  readonly #refused = new Set<Ability>();
  /** Ends all that is under way, at sign-out. */
  readonly ending = new AbortController();

  /** @param text as pasted; `Bearer` before it is no part of the token. */
  constructor(text: string) {
    this.#token = tokenIn(text);
  }

  /** Whether it could be one: what else a header cannot carry, or none was ever made of. */
  static isToken(text: string): boolean {
    return /^[\w.~+/=-]+$/.test(tokenIn(text));
  }

  get token(): string {
    return this.#token;
  }

  /** Unless the service has said no, it may. */
  can(ability: Ability): boolean {
    return !this.#refused.has(ability);
  }

  refuse(ability: Ability): void {
    this.#refused.add(ability);
  }

  /** In words, from the token's form only. */
  get kind(): string {
    if (this.#token.startsWith('slk_')) return 'an API key';
    const type = headerOf(this.#token)?.['typ'];
    if (typeof type !== 'string') return 'a token';
    return type.includes('grant') ? 'a grant' : 'a JWT';
  }
}

const tokenIn = (text: string): string => text.trim().replace(/^bearer\s+/i, '');

function headerOf(token: string): Record<string, unknown> | undefined {
  try {
    const [head = ''] = token.split('.');
    const parsed: unknown = JSON.parse(atob(head.replaceAll('-', '+').replaceAll('_', '/')));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
