import assert from 'node:assert/strict';
import { rawElements, rawMembers } from '../../sql/functions/json-source.js';

describe('json by its text', () => {
  it('keeps elements as they are written', () => {
    assert.deepEqual(rawElements(' [ ] ', 'f'), []);
    assert.deepEqual(rawElements('[1.50 ,"a,]\\"}", null,[1, {"b" :2}] , {"c":"}"}]', 'f'), [
      '1.50',
      '"a,]\\"}"',
      'null',
      '[1, {"b" :2}]',
      '{"c":"}"}',
    ]);
  });

  it('keeps doubled members, in their order, and reads the escapes of keys', () => {
    assert.deepEqual(rawMembers('{"a": 1 ,"a":{"x":[2]}, "\\u00e9:" : "q\\\\"}', 'json_each'), [
      ['a', '1'],
      ['a', '{"x":[2]}'],
      ['é:', '"q\\\\"'],
    ]);
    assert.deepEqual(rawMembers('{}', 'json_each'), []);
  });

  it('names what is of another shape as PostgreSQL does', () => {
    assert.throws(() => rawElements('{}', 'json_array_elements'), /cannot call json_array_elements on a non-array/);
    assert.throws(() => rawElements('1', 'json_array_elements'), /cannot call json_array_elements on a scalar/);
    assert.throws(() => rawMembers('[]', 'json_object_keys'), /cannot call json_object_keys on an array/);
    assert.throws(() => rawMembers('"x"', 'json_each'), /cannot deconstruct a scalar/);
  });
});
