import assert from 'node:assert/strict';
import { authorization, LogsErrors } from '../../connectors/victorialogs/client/logs-errors.js';
import type { LogsAuth } from '../../connectors/victorialogs/config.js';

const SECRET = `S3c"r\\et/+&<x>'%`;

describe('What a VictoriaLogs says of an error', () => {
  const auths: readonly LogsAuth[] = [
    { type: 'basic', username: 'joe', password: SECRET },
    { type: 'bearer', token: SECRET },
  ];
  for (const auth of auths) {
    it(`shows no secret, in whatever form it is repeated (${auth.type})`, () => {
      const errors = new LogsErrors('logs', auth);
      const html = SECRET.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
      const forms = [
        SECRET,
        authorization(auth) ?? '',
        encodeURIComponent(SECRET),
        String(new URLSearchParams({ p: SECRET })),
        JSON.stringify({ password: SECRET }),
        html.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
        html.replaceAll('"', '&quot;').replaceAll("'", '&#x27;'),
        html.replaceAll('"', '&#34;').replaceAll("'", '&#39;'),
      ];
      for (const form of forms) {
        const { message } = errors.refused(400, `bad request: ${form} was sent`, 1000);
        assert.doesNotMatch(message, /S3c/, form);
        assert.match(message, /bad request: .*\*\*\*.* was sent/);
      }
    });
  }
});
