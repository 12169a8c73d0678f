import { call, fieldOf, textOf } from './api.ts'

export interface News {
  readonly item: string
  readonly state: string
  readonly reason: string | null
}

/**
 * Tells where the items of a link stand: live by server-sent events, and from the records now and then, since an
 * event may be missed. Returns the function that ends it.
 */
export function followItems(link: string, tell: (news: News) => void): () => void {
  const source = new EventSource('/api/v1/events')
  source.addEventListener('message', ({ data }) => {
    const news: unknown = JSON.parse(String(data))
    tell({ item: textOf(news, 'item'), state: textOf(news, 'state'), reason: textOf(news, 'reason') || null })
  })
  const look = async (): Promise<void> => {
    try {
      const items = fieldOf(await call('GET', `/links/${link}`), 'items')
      for (const item of Array.isArray(items) ? items : [])
        tell({
          item: textOf(item, 'id'),
          state: textOf(item, 'state'),
          reason: textOf(item, 'reason') || null,
        })
    } catch {
      // Off the net for a moment; the next look will do.
    }
  }
  source.addEventListener('open', () => void look())
  const timer = setInterval(() => void look(), 10_000)
  return () => {
    source.close()
    clearInterval(timer)
  }
}
