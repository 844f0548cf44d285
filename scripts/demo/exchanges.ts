const SECRET_HEADERS = new Set(['authorization', 'x-amz-server-side-encryption-customer-key']);
const SHOWN_ANSWER_HEADERS =
  /^(location|retry-after|cache-control|content-length|etag|x-amz-server-side-encryption-.*)$/;
const SHOWN_PARAMETERS = ['X-Amz-Expires', 'X-Amz-SignedHeaders'];

/** Turns what `curl --verbose` says into a few lines for each exchange, without keys, tokens and signatures. */
export function curlReader(print: (line: string) => void): (line: string) => void {
  let target = '';
  let status = '';
  return (line) => {
    const [, arrow, text = ''] = /^([<>]) (.*?)\r?$/.exec(line) ?? [];
    if (arrow === '>') request(text);
    else if (arrow === '<') answer(text);
    else if (/^\s*curl:/.test(line)) print(line);
  };

  function request(text: string): void {
    const [, method, path] = /^([A-Z]+) (\/\S*) HTTP/.exec(text) ?? [];
    if (method !== undefined && path !== undefined) {
      target = `${method} ${withoutSignature(path)}`;
      return;
    }
    const [name, value] = header(text);
    if (name === 'host') print(`→ ${target.replace(' ', ` ${value}`)}`);
    else if (name !== '' && name !== 'user-agent' && name !== 'accept')
      print(`    ${name}: ${masked(name, value)}`);
  }

  function answer(text: string): void {
    const [, code] = /^HTTP\/\S+ (\d+)/.exec(text) ?? [];
    if (code !== undefined) {
      status = code;
      if (status !== '100') print(`← ${status}`);
      return;
    }
    const [name, value] = header(text);
    if (status !== '100' && SHOWN_ANSWER_HEADERS.test(name)) print(`    ${name}: ${masked(name, value)}`);
  }
}

function header(text: string): [name: string, value: string] {
  const colon = text.indexOf(':');
  return colon < 1 ? ['', ''] : [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()];
}

function masked(name: string, value: string): string {
  return SECRET_HEADERS.has(name) ? '(masked)' : value;
}

function withoutSignature(path: string): string {
  const [before = '', query] = path.split('?', 2);
  if (query === undefined || !query.includes('X-Amz-')) return path;
  const shown = query.split('&').filter((pair) => SHOWN_PARAMETERS.includes(pair.split('=')[0] ?? ''));
  return `${before}?${shown.join('&')}&…`;
}
