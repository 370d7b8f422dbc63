import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { below, normalLocation, Relocation } from '../../src/object-store/location.js';

describe('locations', () => {
  it('have one spelling for one place', () => {
    for (const text of ['/a/b', 'file:/a/b', 'file:///a/b', 'file://localhost/a/b', 'FILE:///a//b/', '/a/./b'])
      assert.equal(normalLocation(text), 'file:///a/b', text);
    for (const text of ['s3://bucket/k/x', 's3a://bucket/k/x', 's3n://bucket//k/x/'])
      assert.equal(normalLocation(text), 's3://bucket/k/x', text);
    assert.equal(normalLocation('s3://bucket'), 's3://bucket');
    assert.equal(normalLocation('file:///'), 'file://');
  });

  it('are not percent-decoded', () => {
    assert.equal(normalLocation('file:///a/x%2Fy z'), 'file:///a/x%2Fy z');
  });

  it('are refused when they are relative, of another scheme, or lead upwards', () => {
    for (const text of ['a/b', 'file://host/a', 'http://x/y', 'hdfs://n/x', '/a/../b', 's3:///x', 's3://b/../x', '//x', '/a\0b']) {
      assert.throws(() => normalLocation(text), { sqlstate: '42501' }, text);
    }
  });

  it('move with the longest prefix, by whole names', () => {
    const moved = new Relocation({ 'file:///old': '/new', 's3a://bucket/w/': 'file:/other', '/old/deep': 's3://b/x' });
    assert.equal(moved.apply('file:/old/t/1'), 'file:///new/t/1');
    assert.equal(moved.apply('/old/deep/1'), 's3://b/x/1');
    assert.equal(moved.apply('file:///older/1'), 'file:///older/1');
    assert.equal(moved.apply('s3://bucket/w/t'), 'file:///other/t');
    assert.equal(moved.apply('/old'), 'file:///new');
  });

  it('are below a root by whole names', () => {
    assert.equal(below('file:///a', 'file:///a/b'), 'b');
    assert.equal(below('file:///a', 'file:///ab'), undefined);
    assert.equal(below('file:///a', 'file:///a'), '');
  });
});
