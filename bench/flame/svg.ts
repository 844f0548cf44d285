import { escapeXml } from '../speed/xml.ts';
import type { Frame } from './profile.ts';

const WIDTH = 1_600;
const ROW = 17;
const LETTER = 6.3;
/** Narrower ones are left out: nobody could see them. */
const NARROWEST = 0.6;
const TITLE = 30;

interface Box {
  readonly frame: Frame;
  readonly x: number;
  readonly depth: number;
  readonly width: number;
}

/** Callers above what they call, as wide as their time; the name and the share of each show under the pointer. */
export function flameSvg(title: string, root: Frame): string {
  const boxes: Box[] = [];
  const place = (frame: Frame, x: number, depth: number): void => {
    const width = (frame.total / root.total) * WIDTH;
    if (width < NARROWEST) return;
    boxes.push({ frame, x, depth, width });
    let next = x;
    for (const child of frame.children) {
      place(child, next, depth + 1);
      next += (child.total / root.total) * WIDTH;
    }
  };
  place(root, 0, 0);
  const height = TITLE + ROW * (1 + Math.max(...boxes.map(({ depth }) => depth)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="4" y="20" font-size="14">${escapeXml(title)}</text>`,
    ...boxes.map((box) => draw(box, root.total)),
    '</svg>\n',
  ].join('\n');
}

function draw({ frame: { name, total, self }, x, depth, width }: Box, all: number): string {
  const share = (part: number): string => `${((part / all) * 100).toFixed(1)} %`;
  const letters = Math.floor((width - 4) / LETTER);
  const y = TITLE + depth * ROW;
  const hint = escapeXml(`${name}: ${share(total)}, itself ${share(self)}`);
  const label =
    letters < 3
      ? ''
      : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escapeXml(name.slice(0, letters))}</text>`;
  return (
    `<g><title>${hint}</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" ` +
    `fill="${colourOf(name)}"/>${label}</g>`
  );
}

/** Ours in green, packages in orange, what is V8's or Node's own in grey. */
function colourOf(name: string): string {
  if (/ (dist|src)\//.test(name)) return '#9bd18b';
  return / (?!node:)\S+:\d+$/.test(name) ? '#f0b26b' : '#c9c9c9';
}
