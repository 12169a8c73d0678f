/** A caller with cookies, as a browser keeps them: one host, no expiry but deletion. */
export interface Jar {
  readonly cookies: Map<string, string>
  fetch(url: string, init?: RequestInit): Promise<Response>
}

export function newJar(headers: Record<string, string> = {}): Jar {
  const cookies = new Map<string, string>()
  return {
    cookies,
    async fetch(url, init = {}) {
      const sent = new Headers({ ...headers })
      new Headers(init.headers).forEach((text, name) => sent.set(name, text))
      if (cookies.size > 0)
        sent.set('Cookie', [...cookies].map(([name, text]) => `${name}=${text}`).join('; '))
      const res = await fetch(url, { redirect: 'manual', ...init, headers: sent })
      for (const line of res.headers.getSetCookie()) {
        const [pair = ''] = line.split(';')
        const [name = '', text = ''] = pair.split('=', 2)
        if (text === '' || /max-age=0\b/i.test(line)) cookies.delete(name)
        else cookies.set(name, text)
      }
      return res
    },
  }
}

/** What the names of an instance's cookies end in. Throws where the jar holds none, or those of several. */
export function cookieSuffix({ cookies }: Jar): string {
  const suffixes = new Set([...cookies.keys()].map((name) => /-([0-9a-f]{8})$/.exec(name)?.[1]))
  const [suffix] = suffixes
  if (suffix === undefined || suffixes.size > 1) throw new Error(`cookies: ${[...cookies.keys()].join(', ')}`)
  return suffix
}

/** A request with a JSON body. */
export const json = (method: string, body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method,
  headers: { 'Content-Type': 'application/json', ...headers },
  body: JSON.stringify(body),
})
