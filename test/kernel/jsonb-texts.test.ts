import assert from 'node:assert/strict';
import fc from 'fast-check';
import { normalizeJsonb } from '../../sql/functions/jsonb.js';
import { JsonbTexts } from '../../src/kernel/jsonb-texts.js';

function normalized(texts: readonly string[]): string[] {
  const out = new JsonbTexts(10);
  const ends: number[] = [];
  for (const text of texts) {
    const source = Buffer.from(`x${text}y`, 'utf8');
    out.add(source, 1, source.length - 1);
    ends.push(out.length);
  }
  const bytes = Buffer.from(out.bytes);
  return ends.map((end, n) => bytes.toString('utf8', n === 0 ? 0 : ends[n - 1], end));
}

describe('jsonb texts', () => {
  it('are what the parser and printer make of them', () => {
    const texts = [
      '{}',
      '{"a":"b"}',
      '{"bb":"1","a":"2"}',
      '{"b":"1","a":"2","aa":"","":"x"}',
      '{"a":"1","a":"2"}',
      '{"a":"x","b":1}',
      '{ "a":"x"}',
      '{"a": "x"}',
      '{"a":"x\\n"}',
      '{"ü":"😀","z":"ü"}',
      '[]',
      '"a"',
      '{"a":{"b":"c"}}',
      '{"a":"b","c":["d"]}',
      '1e30',
      `{${Array.from({ length: 40 }, (_, n) => `"k${n}":"v"`).join(',')}}`,
      '{"a":"}"}',
      '{"a":"b,c","d":":"}',
    ];
    assert.deepEqual(normalized(texts), texts.map(normalizeJsonb));
  });

  it('are so for any document', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.json(),
            fc.dictionary(fc.string(), fc.string()).map((value) => JSON.stringify(value)),
          ),
        ),
        (texts) => {
          assert.deepEqual(normalized(texts), texts.map(normalizeJsonb));
        },
      ),
    );
  });

  it('are refused where they are not JSON', () => {
    for (const text of ['{', '{}}', '{"a"}', '{"a":}', '{"a":"b",}', '{,"a":"b"}', '{"a":"b""c":"d"}']) {
      assert.throws(() => normalizeJsonb(text), text);
      assert.throws(() => normalized([text]), text);
    }
  });
});
