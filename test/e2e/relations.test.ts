import assert from 'node:assert/strict';
import { join } from 'node:path';
import { makeDemoLake } from '../../src/events/demo-lake.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { type Asked, likeness, openAsked, type Settings, shown } from './asked.js';
import { Dice } from './oracle-dice.js';
import { oracleTables, writeLake } from './oracle-lake.js';
import type { Answer } from './oracle-pair.js';
import { EVENTS, FACTS, type Ground, type Relation, relations, type Side } from './relations.js';

/** One seed that stays, and another each time; RELATIONS_SEED repeats it. */
const FRESH = Number(process.env['RELATIONS_SEED'] ?? Date.now() % 1_000_000);
const CONDITIONS = Number(process.env['RELATIONS'] ?? 2);

const WAYS: readonly Settings[] = [
  { 'timeline.small_bytes': '64MB', TimeZone: 'UTC' },
  { 'timeline.small_bytes': '0', 'timeline.split_bytes': '0', TimeZone: 'Europe/Berlin', 'timeline.partitions': '3' },
  { 'timeline.small_bytes': '20000', 'timeline.split_bytes': '0', TimeZone: 'America/New_York', 'timeline.splits_per_task': '8' },
];

describe('relations between questions', function () {
  this.timeout(300_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let asked: Asked;

  before(async () => {
    home = await tempFolder('relations');
    const demo = await makeDemoLake({ folder: join(home.path, 'demo'), rows: 3000, days: 8 });
    const { catalogs } = JSON.parse(await writeLake(join(home.path, 'lake'), oracleTables(20240331))) as { catalogs: object };
    const demoCatalog = {
      type: 'iceberg',
      catalog: { type: 'sql', uri: demo.catalogUri, warehouse: demo.warehouse, name: demo.catalogName },
    };
    server = await startTimeline({ home: home.path, config: JSON.stringify({ catalogs: { ...catalogs, demo: demoCatalog } }) });
    asked = await openAsked(server);
  });
  after(async () => {
    await asked?.close();
    await server?.stop();
    await home?.remove();
  });

  for (const seed of [1, FRESH]) {
    for (const [name, ground] of Object.entries({ FACTS, EVENTS }) as [string, Ground][]) {
      it(`${CONDITIONS * WAYS.length} conditions over ${name.toLowerCase()} (seed ${seed})`, async () => {
        const wrong: string[] = [];
        let [asks, skipped] = [0, 0];
        for (const [way, settings] of WAYS.entries()) {
          await asked.settle(settings);
          const cases = Array.from({ length: CONDITIONS }, (_, n) =>
            relations(new Dice(seed * 9_000_011 + way * 10_007 + n), ground, `${ground.table}_${seed}_${way}_${n}`),
          ).flat();
          const sides = cases.flatMap((relation) => relation.sides);
          const answers = await asked.askAll(sides);
          asks += sides.length;
          let at = 0;
          for (const relation of cases) {
            const own = relation.sides.map((side) => cut(side, answers[at++]));
            const [first] = own;
            own.forEach((answer, n) => {
              if (first === undefined || n === 0) return;
              const like = likeness(first, answer, relation.ordered);
              if (like === 'order') skipped++;
              if (like === 'different') wrong.push(told(relation, n, first, answer, settings));
            });
            if (first?.kind === 'error' && !first.sqlstate.startsWith('22')) wrong.push(told(relation, 0, first, first, settings));
          }
        }
        assert.ok(wrong.length === 0, `${wrong.length} of ${asks} questions\n${wrong.slice(0, 12).join('\n')}`);
        assert.ok(skipped <= asks * 0.05, `${skipped} of ${asks} questions were not comparable: errors by order of evaluation`);
      });
    }
  }
});

function cut({ slice }: Side, answer: Answer | undefined): Answer {
  if (answer === undefined) throw new Error('a question was not asked');
  return slice === undefined || answer.kind === 'error' ? answer : { kind: 'rows', rows: answer.rows.slice(...slice) };
}

function told(relation: Relation, n: number, first: Answer, answer: Answer, settings: Settings): string {
  return `${relation.name} ${JSON.stringify(settings)}\n  ${relation.sides[0]?.sql}\n    ${shown(first)}\n  ${relation.sides[n]?.sql}\n    ${shown(answer)}`;
}
