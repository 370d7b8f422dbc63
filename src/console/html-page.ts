/** Style of a page that holds a picture only. */
export const PAGE_STYLE =
  'body{margin:0;background:#fff;overflow-x:auto}@media (prefers-color-scheme:dark){body{background:#15181c}}svg{display:block}';

/** A page with one picture in it, title included. */
export function htmlPage(svg: string): string {
  const title = /<title id="tl-title">([^<]*)<\/title>/.exec(svg)?.[1] ?? '';
  return [
    '<!DOCTYPE html>',
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">`,
    `<title>${title}</title><style>${PAGE_STYLE}</style></head><body>`,
    svg.trimEnd(),
    '</body></html>\n',
  ].join('\n');
}
