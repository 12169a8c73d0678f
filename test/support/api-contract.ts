import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import { apiDocument } from '../../src/http/api/api.ts'
import { z } from 'zod'

const content = z.record(z.string(), z.looseObject({ schema: z.record(z.string(), z.unknown()) }))
const answerSchema = z.looseObject({ content: content.optional() })
const documentSchema = z.looseObject({
  paths: z.record(
    z.string(),
    z.record(z.string(), z.looseObject({ responses: z.record(z.string(), answerSchema) })),
  ),
})

const document: unknown = JSON.parse(JSON.stringify(apiDocument))
const { paths } = documentSchema.parse(document)

const ajv = new Ajv2020({ strict: false, allErrors: true })
formats.default(ajv)
ajv.addSchema({ ...z.record(z.string(), z.unknown()).parse(document), $id: 'mayfly' }, 'mayfly')

/** Paths as patterns, those with the fewest parameters first: `/links/all` before `/links/{id}`. */
const patterns = Object.keys(paths)
  .sort((a, b) => a.split('{').length - b.split('{').length)
  .map((path) => ({
    path,
    pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+').replace('.', '\\.')}$`),
  }))

const compiled = new Map<string, ValidateFunction>()

function validatorOf(pointer: string): ValidateFunction {
  const found = compiled.get(pointer)
  if (found) return found
  const validate = ajv.compile({ $ref: `mayfly#${pointer}` })
  compiled.set(pointer, validate)
  return validate
}

const escape = (part: string): string => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))

/**
 * Throws when an answer of the API is not as its document says: an address or status that it does not know, a media
 * type that it does not name, a body that breaks its schema.
 */
export async function checkAnswer(method: string, url: URL, res: Response): Promise<void> {
  const path = url.pathname.replace(/^\/api\/v1/, '').replace(/(?<=.)\/$/, '')
  const known = patterns.find(({ pattern }) => pattern.test(path))?.path
  const named = method === 'HEAD' && !paths[known ?? '']?.['head'] ? 'get' : method.toLowerCase()
  const operation = known === undefined ? undefined : paths[known]?.[named]
  // What nobody described is nothing that the API may answer but by a refusal.
  if (known === undefined || !operation) {
    if (res.ok) throw new Error(`${method} ${path} answers ${res.status} and is not in the document`)
    return
  }
  const status = operation.responses[String(res.status)] ? String(res.status) : 'default'
  if (status === 'default' && res.ok)
    throw new Error(`${method} ${known}: ${res.status} is not in the document`)
  const type = (res.headers.get('content-type') ?? '').split(';')[0]?.trim() ?? ''
  if (method === 'HEAD' || res.status === 204 || res.status === 304 || type === '') return
  // A browser's form is refused by a page, which is no part of the API.
  if (type === 'text/html' && known === '/shares' && !res.ok) return
  if (!operation.responses[status]?.content?.[type])
    throw new Error(`${method} ${known}: ${res.status} with ${type} is not in the document`)
  if (type !== 'application/json') return
  const body: unknown = await res.clone().json()
  const pointer = ['paths', known, named, 'responses', status, 'content', type, 'schema']
  const validate = validatorOf(`/${pointer.map(escape).join('/')}`)
  if (!validate(body))
    throw new Error(
      `${method} ${known}: ${res.status} breaks the document: ${ajv.errorsText(validate.errors)}`,
    )
}
