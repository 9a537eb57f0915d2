/** The operator's API for commands: asks something of a box, and shows what became of it. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { CommandId, diagnosticsMediaType } from '#contract/commands.js';
import { NewCommand, NewFleetCommand } from '#contract/operator-commands.js';
import type { CommandDesk } from '../commands/desk.js';
import type { Diagnostics } from '../commands/diagnostics.js';
import type { FleetTable } from '../fleet/table.js';
import { knownCaller } from './access.js';

/** What the console needs of the room. */
export interface CommandFeature {
  desk: Pick<CommandDesk, 'send' | 'sendToMany' | 'list'>;
  diagnostics: Pick<Diagnostics, 'read'>;
}

const config = { consoleAccess: 'viewer' } as const;
const acts = { consoleAccess: 'operator', act: 'command.send', on: 'box' } as const;
const actsOnMany = { consoleAccess: 'operator', act: 'command.send-to-many' } as const;
const operators = { consoleAccess: 'operator' } as const;
const OneBox = Type.Object({ id: Type.String({ maxLength: 100 }) });
const OneCommand = Type.Object({ ...OneBox.properties, command: CommandId });

export function declareCommandRoutes(
  plain: FastifyInstance,
  { desk, diagnostics, table }: CommandFeature & { table: Pick<FleetTable, 'ids'> },
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.get('/v1/boxes/:id/commands', { config, schema: { params: OneBox } }, async ({ params }) => desk.list(params.id));
  app.post(
    '/v1/boxes/:id/commands',
    { config: acts, schema: { params: OneBox, body: NewCommand } },
    async (request, reply) =>
      reply.code(201).send(await desk.send(request.params.id, { ...request.body, by: knownCaller(request).name })),
  );
  app.post('/v1/fleet/commands', { config: actsOnMany, schema: { body: NewFleetCommand } }, async (request, reply) => {
    const { filter, ...wish } = request.body;
    const result = await desk.sendToMany(await table.ids(filter), wish, knownCaller(request).name);
    return reply.code(202).send(result);
  });
  app.get(
    '/v1/boxes/:id/commands/:command/diagnostics',
    { config: operators, schema: { params: OneCommand } },
    async ({ params: { id, command } }, reply) =>
      reply
        .type(diagnosticsMediaType)
        .header('content-disposition', `attachment; filename="${id}-${command}.json.gz"`)
        .send(await diagnostics.read(id, command)),
  );
}
