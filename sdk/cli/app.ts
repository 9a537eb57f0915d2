/** `app …`: each verb in a file of its own, loaded when it is asked for. */
import { choice } from './arguments.js';

export const app = choice('app', {
  init: async () => (await import('./app/init.js')).init,
  check: async () => (await import('./app/check.js')).check,
  dev: async () => (await import('./app/dev.js')).dev,
  base: async () => (await import('./app/base.js')).base,
  build: async () => (await import('./app/build.js')).build,
  sign: async () => (await import('./app/sign.js')).sign,
  inspect: async () => (await import('./app/inspect.js')).inspect,
  publish: async () => (await import('./app/publish.js')).publish,
  rollout: async () => (await import('./app/rollout.js')).rollout,
  status: async () => (await import('./app/status.js')).status,
  offer: async () => (await import('./app/offer.js')).offer,
  messages: async () => (await import('./app/messages.js')).messages,
  claim: async () => (await import('./app/claim.js')).claim,
  withdraw: async () => (await import('./app/withdraw.js')).withdraw,
});
