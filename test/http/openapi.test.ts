import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { checkAnswer } from '../support/api-contract.ts'
import { apiDocument } from '../../src/http/api/api.ts'

const plain: unknown = JSON.parse(JSON.stringify(apiDocument))

it('the document is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(z.record(z.string(), z.unknown()).parse(plain))
  expect(result.errors ?? []).toEqual([])
  expect(result.valid).toBe(true)
})

it('every example is what its schema says', () => {
  const ajv = new Ajv2020({ strict: false })
  formats.default(ajv)
  let examples = 0
  const visit = (node: unknown, where: string): void => {
    if (typeof node !== 'object' || node === null) return
    if ('schema' in node && 'example' in node && typeof node.schema === 'object' && node.schema) {
      const validate = ajv.compile(node.schema)
      expect(validate(node.example), `${where}: ${ajv.errorsText(validate.errors)}`).toBe(true)
      examples += 1
    }
    for (const [name, child] of Object.entries(node)) visit(child, `${where}/${name}`)
  }
  visit(plain, '')
  expect(examples).toBeGreaterThan(30)
})

it('what holds answers to it finds a field too many, one too few, and an address that nobody described', async () => {
  const answer = (body: unknown) =>
    new Response(JSON.stringify(body), { headers: { 'Content-Type': 'application/json' } })
  const check = (path: string, body: unknown) =>
    checkAnswer('GET', new URL(`http://localhost/api/v1${path}`), answer(body))
  await check('/links', { total: 0, links: [] })
  await expect(check('/links', { total: 0, links: [], owner: 'x' })).rejects.toThrow(/breaks the document/)
  await expect(check('/links', { links: [] })).rejects.toThrow(/breaks the document/)
  await expect(check('/nowhere', {})).rejects.toThrow(/not in the document/)
})
