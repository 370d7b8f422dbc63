/** All workflow types that workers know; the bundle's entry. */
export { backfillV1 } from './backfill-workflow.js';
export { intervalReplayV1 } from './interval-workflow.js';
export { runPlanV2 } from './workflows-plan.js';
export { runPlanV1 } from './workflows-v1.js';
