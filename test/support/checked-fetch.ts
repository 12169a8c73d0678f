import { checkAnswer } from './api-contract.ts'

/** Holds every answer of the API that any test gets to the OpenAPI document. Import it for that effect. */
const plainFetch = globalThis.fetch

globalThis.fetch = async (input, init) => {
  const res = await plainFetch(input, init)
  const request = input instanceof Request ? input : null
  const url = new URL(request?.url ?? String(input))
  const method = (init?.method ?? request?.method ?? 'GET').toUpperCase()
  if (url.pathname.startsWith('/api/v1/')) await checkAnswer(method, url, res)
  return res
}
