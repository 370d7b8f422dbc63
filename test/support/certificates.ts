import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface Authority extends Certificate {
  /** `names` as OpenSSL writes them: `IP:127.0.0.1,DNS:localhost`. */
  issue(name: string, names: string, options?: { readonly days?: number }): Certificate;
}

/** A certificate authority of the test's own, made by openssl in `folder`. */
export function makeAuthority(folder: string, name: string): Authority {
  const run = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const files = (of: string): Certificate => {
    const [certFile, keyFile] = [join(folder, `${of}.pem`), join(folder, `${of}.key`)];
    return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
  };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  run('req', '-x509', ...curve, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '2', '-subj', `/CN=${name}`);
  return {
    ...files(name),
    issue(subject, names, { days = 2 } = {}) {
      run('req', ...curve, '-keyout', `${subject}.key`, '-out', `${subject}.csr`, '-subj', `/CN=${subject}`);
      writeFileSync(join(folder, `${subject}.ext`), `subjectAltName=${names}\n`);
      const signing = ['-CA', `${name}.pem`, '-CAkey', `${name}.key`, '-CAcreateserial', '-extfile', `${subject}.ext`];
      run('x509', '-req', '-in', `${subject}.csr`, ...signing, '-out', `${subject}.pem`, '-days', String(days));
      return files(subject);
    },
  };
}
