/** All workflow types that workers know; the bundle's entry. */
export { runPlanV2 } from './workflows-plan.js';
export { runPlanV1 } from './workflows-v1.js';
