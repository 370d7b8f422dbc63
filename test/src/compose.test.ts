import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseDocument } from 'yaml';
import { loadConfig } from '../../src/config-file.js';
import { projectRoot } from '../support/project-root.js';
import { runProgram } from '../support/run-program.js';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly healthcheck?: object;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const read = (name: string): string => readFileSync(join(projectRoot(), name), 'utf8');

describe('compose.yaml', () => {
  const { services, volumes } = parse(read('compose.yaml'), { merge: true }) as Compose;
  const each = Object.entries(services);

  it('is YAML without errors', () => {
    for (const name of ['compose.yaml', 'examples/timeline.yaml', 'examples/temporal-dynamic-config.yaml'])
      assert.deepEqual(parseDocument(read(name)).errors, []);
  });

  it('is what docker compose takes, where that is here', async function () {
    const env = { POSTGRES_PASSWORD: 'a', S3_ACCESS_KEY: 'b', S3_SECRET_KEY: 'c' };
    const args = ['compose', '--file', join(projectRoot(), 'compose.yaml'), 'config', '--quiet'];
    const version = await runProgram('docker', ['compose', 'version']).catch(() => undefined);
    if (version?.code !== 0) return this.skip();
    const { code, stderr } = await runProgram('docker', args, { env });
    assert.equal(code, 0, stderr);
  });

  it('has every real service, and two workers', () => {
    for (const name of ['gateway', 'worker-1', 'worker-2', 'postgres', 'temporal', 'temporal-ui', 's3', 'bucket', 'victorialogs'])
      assert.ok(services[name], name);
    assert.deepEqual(services['worker-2']?.command, ['worker']);
  });

  it('names images as they are named everywhere, each with a version', () => {
    for (const [name, { image = '' }] of each) {
      assert.match(image, /^([a-z0-9-]+\/)?[a-z0-9-]+:[\w.-]+$/, name);
      assert.doesNotMatch(image, /:latest$/);
    }
  });

  it('refers to nothing that is not there', () => {
    for (const [name, { depends_on = {}, volumes: mounts = [], build }] of each) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        const needed = services[other];
        assert.ok(needed, `${name} needs ${other}`);
        if (condition === 'service_healthy') assert.ok(needed.healthcheck, `${other} has no healthcheck`);
      }
      for (const mount of mounts) {
        const [from = '', to = ''] = mount.split(':');
        assert.ok(from.startsWith('./') ? existsSync(join(projectRoot(), from)) : from in volumes, `${name}: ${mount}`);
        assert.ok(to.startsWith('/'), mount);
      }
      if (build !== undefined) assert.ok(existsSync(join(projectRoot(), build, 'Dockerfile')));
    }
    const used = each.flatMap(([, { volumes: mounts = [] }]) => mounts.map((mount) => mount.split(':')[0] ?? ''));
    assert.deepEqual(
      Object.keys(volumes).filter((name) => !used.includes(name)),
      [],
    );
  });

  it('can be reached from this machine only, and has no secret in it', () => {
    for (const [name, { ports = [], environment = {} }] of each) {
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name);
      for (const [key, value] of Object.entries(environment))
        if (/PASSWORD|PWD|SECRET|_KEY/.test(key)) assert.match(String(value), /^\$\{\w+:\?/, `${name}: ${key}`);
    }
    const asked = new Set([...read('compose.yaml').matchAll(/\$\{(\w+)/g)].map((match) => match[1]));
    const offered = new Set([...read('examples/compose.env').matchAll(/^#?(\w+)=/gm)].map((match) => match[1]));
    assert.deepEqual([...asked].sort(), [...offered].sort());
  });

  it('gives gateway and workers a configuration that is one, with homes of their own', () => {
    const homes = new Set<string>();
    for (const name of ['gateway', 'worker-1', 'worker-2']) {
      const { environment = {}, volumes: mounts = [] } = services[name] ?? {};
      const mounted = mounts.find((mount) => mount.split(':')[1] === environment['TIMELINE_CONFIG'])?.split(':')[0] ?? '';
      const env = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value)]));
      const config = loadConfig({ env: { ...env, TIMELINE_CONFIG: join(projectRoot(), mounted) }, cwd: '/' });
      assert.equal(config.temporal.address, 'temporal:7233');
      assert.match(config.stages.location, /^s3:/);
      assert.equal(config.listen.host, name === 'gateway' ? '0.0.0.0' : '127.0.0.1');
      homes.add(mounts.find((mount) => mount.endsWith(`:${config.home}`)) ?? '');
    }
    assert.equal(homes.size, 3);
    assert.equal(homes.has(''), false);
  });
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile').split('\n');

  it('copies what is there, and nothing that .dockerignore leaves out', () => {
    const kept = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const line of lines) {
      const [word, ...paths] = line.split(/\s+/);
      if (word !== 'COPY' || line.includes('--from=')) continue;
      for (const path of paths.slice(0, -1)) {
        assert.ok(existsSync(join(projectRoot(), path)), path);
        assert.ok(kept.includes(path), `.dockerignore leaves out ${path}`);
      }
    }
  });

  it('runs as nobody special', () => {
    const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
    assert.ok(last.includes('USER node'));
    assert.ok(last.includes('ENTRYPOINT ["timeline"]'));
  });
});
