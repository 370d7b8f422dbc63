// Mocha's own `spec` output, plus the counts and what failed in a file for scripts/suites.mjs.
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const failed = [];
    runner.on('fail', (test, error) => failed.push({ title: test.fullTitle(), error: String(error?.stack ?? error) }));
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      const path = process.env.TIMELINE_TEST_COUNTS;
      if (path) writeFileSync(path, JSON.stringify({ passes, failures, pending, failed }));
    });
  }
};
