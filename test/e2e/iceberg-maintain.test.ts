import assert from 'node:assert/strict';
import { createNamespace } from '../../connectors/iceberg/write/sql-catalog-writer.js';
import { hasPsql, runPsql } from '../support/psql.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

const SUM = `select count(*), count(distinct id), sum(id), md5(string_agg(part || v, ',' order by id)) from results.t;`;
const VERBOSE = ['-At', '--set=ON_ERROR_STOP=0', '--set=VERBOSITY=verbose'];

describe('Maintenance of Iceberg tables through psql', function () {
  this.timeout(180_000);
  before(async function () {
    if (!(await hasPsql())) this.skip();
  });

  for (const type of ['filesystem', 'sql'] as const) {
    describe(`${type} catalog`, () => {
      let home: Awaited<ReturnType<typeof tempFolder>>;
      let server: TimelineServer;

      before(async () => {
        home = await tempFolder('iceberg-maintain');
        const warehouse = `file://${home.path}/warehouse`;
        const catalog = type === 'sql' ? { type, uri: `sqlite:///${home.path}/catalog.db`, name: 'c', warehouse } : { type, warehouse };
        // A SQLite file that is not there is taken for a wrong path.
        if (type === 'sql') await createNamespace({ file: `${home.path}/catalog.db`, name: 'c' }, 'results');
        const lake = { type: 'iceberg', catalog, write: { schemas: ['results'] } };
        server = await startTimeline({ home: home.path, config: JSON.stringify({ catalogs: { lake } }) });
      });

      after(async () => {
        await server?.stop();
        await home?.remove();
      });

      const told = async (script: string): Promise<string[]> => {
        const { stdout, stderr } = await runPsql(server, script, VERBOSE);
        return `${stdout}${stderr}`
          .trim()
          .split('\n')
          .filter((line) => !line.startsWith('NOTICE:'));
      };

      it('changes how rows are kept, and no row', async () => {
        const insert = (first: number): string =>
          `select n as id, n % 2 as part, 'v' || n as v from generate_series(${first}, ${first + 9}) n`;
        const inserts = [11, 21, 31].map((first) => `insert into results.t ${insert(first)};`).join('\n');
        const made = `create table results.t with (partitioning = 'part') as ${insert(1)};\n${inserts}\n`;
        const before = (await told(`${made}${SUM}`)).at(-1);
        assert.match(before ?? '', /^40\|40\|820\|/);
        const [manifests, afterManifests] = await told(`call timeline.rewrite_manifests('results.t');\n${SUM}`);
        assert.match(manifests ?? '', /^4\|1\|\d+$/);
        assert.equal(afterManifests, before);
        const [optimized, afterOptimize] = await told(`call timeline.optimize('results.t', min_input_files => 4);\n${SUM}`);
        assert.match(optimized ?? '', /^8\|2\|\d+\|\d+\|40\|\d+$/);
        assert.equal(afterOptimize, before);
        const [expired, afterExpiry] = await told(
          `call timeline.expire_snapshots('results.t', older_than => '2100-01-01 00:00+00');\n${SUM}`,
        );
        assert.match(expired ?? '', /^5\|\d+\|\d+$/);
        assert.equal(afterExpiry, before);
        const orphans = await told(
          `call timeline.remove_orphan_files('results.t', older_than => '2100-01-01 00:00+00', force => true);\n${SUM}`,
        );
        assert.equal(orphans.at(-1), before);
        assert.deepEqual(await told('select count(*) from results."t$snapshots";\nselect count(*) from results."t$files";'), ['1', '2']);
      });

      it('refuses what may not be written, and what is not there', async () => {
        for (const procedure of ['optimize', 'expire_snapshots', 'remove_orphan_files', 'rewrite_manifests']) {
          assert.match((await told(`call timeline.${procedure}('results.none');`)).join('\n'), /ERROR: {2}42P01/);
          assert.match((await told(`call timeline.${procedure}('timeline.queries');`)).join('\n'), /ERROR: {2}42501/);
        }
        assert.match((await told(`call timeline.rewrite('results.t');`)).join('\n'), /42883[\s\S]*timeline\.rewrite_manifests/);
      });
    });
  }
});
