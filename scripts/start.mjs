// `npm start`: sets up what is missing, then serves in this very process, so that Ctrl-C reaches the server itself.
import { setUp } from './setup.mjs';

setUp();
const { main } = await import('../dist/src/cli.js');
await main(['serve', ...process.argv.slice(2)]);
