/** A table; Prettier lines it up. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map(row).join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

export const code = (text: string) => `\`${text}\``;

/** Plain words that hold characters with a meaning in Markdown. */
export const escape = (text: string) => text.replace(/[*_<>[\]]/g, '\\$&');

/** `a`, `b` or `c`. */
export function either(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`;
}
