import { buildImage, isImageCurrent } from '../sql/postgres-image.js';
import { imagePath } from './paths.js';
import { buildWorkflowBundle } from './replay/temporal/bundle.js';

// Run once by the build: what would be too slow to make at every start.
await Promise.all([
  buildWorkflowBundle(),
  isImageCurrent(imagePath()).then(async (current) => {
    if (!current) await buildImage(imagePath());
  }),
]);
process.exit(0);
