import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram, runProgram } from './run-program.js';

/** A Maven artifact as `group:artifact:version`, or with a classifier `group:artifact:version:classifier`. */
export type Artifact = string;

/**
 * A class path of the artifacts and what they need, fetched once into TIMELINE_TEST_CACHE. Undefined where Java or Maven is missing, or
 * the artifacts cannot be had: then tests count as skipped.
 */
export async function javaClassPath(name: string, artifacts: readonly Artifact[]): Promise<string | undefined> {
  if (!(await hasProgram('java')) || !(await hasProgram('javac')) || !(await hasProgram('mvn'))) return undefined;
  const cache = process.env['TIMELINE_TEST_CACHE'] ?? join(tmpdir(), 'timeline-test-cache');
  const key = createHash('sha256').update(artifacts.join('\n')).digest('hex').slice(0, 12);
  const folder = join(cache, `java-${name}-${key}`);
  if (!existsSync(folder)) {
    const building = `${folder}.${process.pid}`;
    await mkdir(building, { recursive: true });
    await writeFile(join(building, 'pom.xml'), project(artifacts));
    const args = ['-q', '-B', '-f', join(building, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${building}`];
    const fetched = await runProgram('mvn', args, { timeoutMs: 600_000 });
    if (fetched.code !== 0) {
      await rm(building, { recursive: true, force: true });
      return undefined;
    }
    // Another process may have been faster.
    await rename(building, folder).catch(() => rm(building, { recursive: true, force: true }));
  }
  return join(folder, '*');
}

function project(artifacts: readonly Artifact[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, id, version, classifier] = artifact.split(':');
    const classified = classifier === undefined ? '' : `<classifier>${classifier}</classifier>`;
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version>${classified}</dependency>`;
  });
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
    '<groupId>timeline</groupId><artifactId>test</artifactId><version>1</version>',
    `<dependencies>${dependencies.join('')}</dependencies></project>`,
  ].join('\n');
}
