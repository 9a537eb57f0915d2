/** The reference for the agent's start: a fastify with one route on the unix socket of its argument, bundled as the agent is. */
import fastify from 'fastify';

const application = fastify();
application.get('/', async () => ({ answer: true }));
await application.listen({ path: process.argv[2] ?? '' });
