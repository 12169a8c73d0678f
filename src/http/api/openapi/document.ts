import { z } from 'zod'
import type { Reason } from '../../../domain/records/errors.ts'
import { errorAnswer } from '../answer-schemas.ts'
import { statusOf } from '../../errors.ts'
import type { Answer, Description } from '../operations/operation.ts'

/** JSON Schema of what is sent (`input`) or answered (`output`); what only code can check is left to the description. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const made = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  // The document's own version says which dialect it is.
  return Object.fromEntries(Object.entries(made).filter(([name]) => name !== '$schema'))
}

/** Why any address may refuse. */
const always: readonly Reason[] = [
  'bad-request',
  'unknown',
  'cross-site',
  'wrong-host',
  'conflict',
  'unavailable',
]

function refusalsOf(operation: Description): Record<number, Reason[]> {
  const byStatus: Record<number, Reason[]> = {}
  const reasons = [
    ...always,
    ...(operation.for === 'owner' ? (['unauthorized', 'too-many-requests'] as const) : []),
    ...(operation.refusals ?? []),
  ]
  for (const reason of new Set(reasons)) (byStatus[statusOf[reason]] ??= []).push(reason)
  return byStatus
}

function answerOf({ description, body, example, types = [], headers }: Answer): object {
  const content: Record<string, object> = {}
  if (body)
    content['application/json'] = {
      schema: schemaOf(body, 'output'),
      ...(example === undefined ? {} : { example }),
    }
  for (const type of types) content[type] = { schema: { type: 'string' } }
  return {
    description,
    ...(headers
      ? {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, text]) => [
              name,
              { description: text, schema: { type: 'string' } },
            ]),
          ),
        }
      : {}),
    ...(Object.keys(content).length > 0 ? { content } : {}),
  }
}

const errorContent = {
  'application/json': { schema: { $ref: '#/components/schemas/Error' } },
  'text/plain': { schema: { type: 'string' } },
}

function parametersOf({ path, query }: Description): object[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const fields: [string, z.ZodType][] = query ? Object.entries(shapeOf(query)) : []
  const inQuery = fields.map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: schemaOf(z.object({ it: schema }), 'output'),
  }))
  // A query's values are described one by one: the object around each is only what toJSONSchema wants.
  return [...inPath, ...inQuery.map(({ schema, ...rest }) => ({ ...rest, schema: inner(schema) }))]
}

const shapeOf = (query: z.ZodObject<Record<string, z.ZodType>>): Record<string, z.ZodType> => query.shape

const inner = (schema: object): object => {
  const parsed = z.object({ properties: z.object({ it: z.record(z.string(), z.unknown()) }) }).parse(schema)
  return parsed.properties.it
}

function describe(operation: Description): object {
  const { id, summary, description, tag, body, otherBodies, example, answers } = operation
  const content = {
    ...(body
      ? {
          'application/json': {
            schema: schemaOf(body, 'input'),
            ...(example === undefined ? {} : { example }),
          },
        }
      : {}),
    ...otherBodies,
  }
  const refusals = Object.entries(refusalsOf(operation)).filter(([status]) => !(status in answers))
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(operation.for === 'owner' ? { security: [{ ownerKey: [] }, { ownerCookie: [] }] } : { security: [] }),
    parameters: parametersOf(operation),
    ...(Object.keys(content).length > 0 ? { requestBody: { required: body !== undefined, content } } : {}),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)])),
      ...Object.fromEntries(
        refusals.map(([status, reasons]) => [
          status,
          {
            description: `Refused: ${reasons.map((reason) => `\`${reason}\``).join(', ')}.`,
            content: errorContent,
          },
        ]),
      ),
      default: { description: 'Refused, or failed.', content: errorContent },
    },
  }
}

/** The API's description (OpenAPI 3.1.1). */
export function openApiDocument(operations: readonly Description[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of operations) (paths[operation.path] ??= {})[operation.method] = describe(operation)
  return {
    openapi: '3.1.1',
    info: {
      title: 'Mayfly',
      version: '1.0.0',
      description:
        'Shares photos and videos with one link that dies on time. Everything that the pages do can be done here.\n\n' +
        'A refusal is `{ "error": { "code", "message", "details" } }`; the codes stay as they are, the words may change.',
    },
    servers: [{ url: '/api/v1' }],
    paths,
    components: {
      schemas: { Error: schemaOf(errorAnswer, 'output') },
      securitySchemes: {
        ownerKey: { type: 'http', scheme: 'bearer', description: 'The owner key.' },
        ownerCookie: {
          type: 'apiKey',
          in: 'cookie',
          name: 'mayfly-owner',
          description: 'The same, in a browser. “-” and eight characters of the instance follow the name.',
        },
      },
    },
  }
}
