import { createHash } from 'node:crypto';
import { COLOURS } from './palette.js';

/** The same in every picture, so that a Content-Security-Policy can name it by its hash. */
export const PICTURE_STYLE = [
  'text{font-family:system-ui,-apple-system,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif;font-size:11px;fill:#1d2329}',
  '.paper{fill:#fff}.track{fill:#f1f3f5}.title{font-size:15px;font-weight:600}.group{font-size:12px;font-weight:600}',
  '.faint{fill:#5c6670}.small{font-size:9.5px}.end{text-anchor:end}.middle{text-anchor:middle}',
  '.grid{stroke:#d5dae0;stroke-width:1}.edge{stroke:#5c6670;stroke-width:1;stroke-dasharray:2 3}.axis{stroke:#8a939c;stroke-width:1}',
  '.label{fill:#14181c;pointer-events:none}.cover{pointer-events:none}',
  '.true{fill:#71808f}.false{stroke:#8a939c;stroke-width:1.5}.line{fill:none;stroke:#2f6fb0;stroke-width:1.6}.dot{fill:#2f6fb0}',
  '.hit{fill:#000;fill-opacity:0}.hit:hover{fill-opacity:.08}.rows{fill:#99ddff}.other{fill:#bbbbbb}.open{fill:#1d2329}',
  '.null{stroke:#9aa3ac;stroke-width:1}.cut{stroke:#14181c;stroke-opacity:.45;stroke-width:1.4}.spot{fill:#14181c;fill-opacity:.45}',
  ...COLOURS.map((colour, at) => `.c${at}{fill:${colour}}`),
  '@media (prefers-color-scheme:dark){text{fill:#e4e8ec}.paper{fill:#15181c}.track{fill:#20252b}.faint{fill:#a2abb4}.grid{stroke:#363d45}',
  '.edge{stroke:#a2abb4}.axis{stroke:#717a84}.label{fill:#14181c}.line{stroke:#7db8ee}.dot{fill:#7db8ee}.open{fill:#e4e8ec}.hit{fill:#fff}}',
].join('');

export const PICTURE_STYLE_HASH = `sha256-${createHash('sha256').update(PICTURE_STYLE).digest('base64')}`;
