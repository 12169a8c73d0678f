import type { Answer, Query } from '../../ports.ts'

/** What became of one query: the others of its batch may fare otherwise. */
export type Outcome = { readonly answer: Answer<Query> } | { readonly error: unknown }

/** The queries of one turn of the event loop that go together, each once. */
interface Batch {
  /** Where each query stands in `queries`, by its text. */
  readonly places: Map<string, number>
  readonly queries: Query[]
  /** Never rejects. */
  readonly outcomes: Promise<readonly Outcome[]>
}

const textOf = (query: Query): string =>
  query.kind === 'value' ? `value ${query.key}` : JSON.stringify(query)

/**
 * Sends all that is asked for within one turn of the event loop together, and what several ask for once: of a link that many
 * look at, that is most of what its gate costs. A batch takes no more queries once it is sent, so that nobody is answered
 * by what was read before he asked. `groupOf`: queries go together where it answers the same; groups do not wait
 * for each other.
 */
export function shareReads(
  groupOf: (query: Query) => string,
  send: (queries: readonly Query[]) => Promise<readonly Outcome[]>,
): (queries: readonly Query[]) => Promise<Answer<Query>[]> {
  const open = new Map<string, Batch>()

  function begin(group: string): Batch {
    const queries: Query[] = []
    const outcomes = new Promise<readonly Outcome[]>((resolve) =>
      setImmediate(() => {
        open.delete(group)
        send(queries).then(resolve, (error: unknown) => resolve(queries.map(() => ({ error }))))
      }),
    )
    const batch = { places: new Map<string, number>(), queries, outcomes }
    open.set(group, batch)
    return batch
  }

  function join(query: Query): { batch: Batch; place: number } {
    const group = groupOf(query)
    const batch = open.get(group) ?? begin(group)
    const text = textOf(query)
    const known = batch.places.get(text)
    if (known !== undefined) return { batch, place: known }
    const place = batch.queries.push(query) - 1
    batch.places.set(text, place)
    return { batch, place }
  }

  return async (queries) => {
    const joined = queries.map(join)
    const answers: Answer<Query>[] = []
    let batch: Batch | null = null
    let outcomes: readonly Outcome[] = []
    for (const part of joined) {
      if (part.batch !== batch) outcomes = await part.batch.outcomes
      batch = part.batch
      const outcome = outcomes[part.place]
      if (outcome === undefined) throw new Error('a query has no outcome')
      if ('error' in outcome) throw outcome.error
      answers.push(outcome.answer)
    }
    return answers
  }
}
