import { writeFile } from 'node:fs/promises';
import { TimelineError } from '../sql/errors.js';
import { loadConfig } from './config-file.js';
import { type RenderWords, renderQuery, renderRequest } from './console/render-query.js';
import { TimelineEngine } from './engine.js';
import { withDemoLake } from './serve.js';

/** `timeline render`: one query in this process, drawn to a file or to standard output. */
export async function renderCommand(words: RenderWords, output: string | undefined): Promise<void> {
  const request = renderRequest({ ...words, format: words.format ?? (output?.toLowerCase().endsWith('.html') ? 'html' : 'svg') });
  const engine = await TimelineEngine.open(await withDemoLake(loadConfig({ env: process.env, cwd: process.cwd() })));
  const abort = new AbortController();
  const interrupt = (): void => abort.abort(new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'interrupted' }));
  process.once('SIGINT', interrupt);
  try {
    const picture = await renderQuery(request, { engine, user: process.env['USER'] ?? 'timeline', signal: abort.signal });
    if (output === undefined) process.stdout.write(picture);
    else await save(output, picture);
  } finally {
    process.off('SIGINT', interrupt);
    await engine.close();
  }
}

async function save(file: string, picture: string): Promise<void> {
  try {
    await writeFile(file, picture);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new TimelineError({ kind: 'connector', sqlstate: '58030', message: `cannot write ${file}: ${reason}`, cause });
  }
}

export const RENDER_HELP = `timeline render "SELECT …": draws the rows of a query as lanes over time

The query gives columns as timeline() and the replay functions do:
  spans    started_at, ended_at   (and is_open, bucket_start, bucket_end where there are)
  points   evaluated_at
  events   event_time             (read_until, read_range)
Columns before the first time are the key: their rows stand together. All others are signals, a lane each:
texts as coloured spans, truth values filled where TRUE, numbers as a step line. Other names can be given in the query:
SELECT session_id, ts AS event_time, event_type FROM …

  -o, --output FILE    where it is written (default: standard output); .html makes a page
  --format svg|html    default: as the file's name says, else svg
  --width PIXELS       320 to 8000 (default 1200)
  --timezone ZONE      times are written in it (default: the server's, UTC)
  --key VALUE          only keys with this value; may be given several times
  --by COLUMN,…        columns that are the key
  --title TEXT         above the picture

At most 100,000 rows, 50 keys and 300 lanes are drawn; the picture says what it leaves out.

  timeline render -o session.svg "SELECT * FROM timeline(lake.events, key => session_id, ts => ts,
    state => latest_when(event_type IN ('play', 'rebuffer', 'pause', 'end'), event_type), cdn => latest(cdn),
    until => '2025-03-05') AS t WHERE session_id = '80708e6a-7e48-4339-ae6e-4a0bbd3b779f'"
`;
