import { createHash } from 'node:crypto'
import type { Request, RequestHandler, Response } from 'express'
import { readStoreIdentity } from '../../domain/records/instance/instance.ts'
import type { WebContext, WebSettings } from '../context.ts'

/**
 * Browsers keep cookies by host, whatever the port (RFC 6265, 8.5), so each instance's cookies end in eight characters
 * of its id. A request without a suffix came before the instance was known.
 */
const suffixes = new WeakMap<Request, string>()

const suffixOf = (instance: string): string => createHash('sha256').update(instance).digest('hex').slice(0, 8)

const isSecure = (settings: WebSettings): boolean => settings.publicUrl?.startsWith('https:') ?? false

/** `__Host-` (RFC 6265bis, 4.1.3.2) binds a cookie to this very host; browsers take it over https only. */
const hosted = (settings: WebSettings, name: string): string => (isSecure(settings) ? `__Host-${name}` : name)

/** The name as version 0.1.0 wrote it, the same for every instance. */
const oldName = hosted

function newName(settings: WebSettings, req: Request, name: string): string {
  const suffix = suffixes.get(req)
  return hosted(settings, suffix === undefined ? name : `${name}-${suffix}`)
}

function find(req: Request, wanted: string): string | null {
  for (const part of (req.get('cookie') ?? '').split(';')) {
    const [key, value] = part.trim().split('=', 2)
    if (key === wanted && value) return value
  }
  return null
}

/** Reads a cookie; null when it is not there. */
export const readCookie = (settings: WebSettings, req: Request, name: string): string | null =>
  find(req, newName(settings, req, name)) ?? find(req, oldName(settings, name))

interface Cookie {
  readonly name: string
  readonly value: string
  readonly maxAgeMs?: number
}

function write(settings: WebSettings, res: Response, { name, value, maxAgeMs }: Cookie): void {
  res.cookie(name, value, {
    httpOnly: true,
    sameSite: 'lax',
    secure: isSecure(settings),
    path: '/',
    encode: String,
    ...(maxAgeMs === undefined ? {} : { maxAge: maxAgeMs }),
  })
}

/** Sets a cookie that scripts cannot read and other sites do not send along; without `maxAgeMs` it ends with the browser. */
export const setCookie = (settings: WebSettings, res: Response, cookie: Cookie): void =>
  write(settings, res, { ...cookie, name: newName(settings, res.req, cookie.name) })

export function clearCookie(settings: WebSettings, res: Response, name: string): void {
  const value = find(res.req, oldName(settings, name))
  // The old one may be another instance's.
  if (value !== null && value === readCookie(settings, res.req, name))
    write(settings, res, { name: oldName(settings, name), value: '', maxAgeMs: 0 })
  setCookie(settings, res, { name, value: '', maxAgeMs: 0 })
}

const dayMs = 24 * 3_600_000
/**
 * What version 0.1.0 kept in a browser, and for how long; null: as long as the browser runs. The marks of who was inside
 * (`mayfly-here-…`) live as long as their links, which nothing here tells: they are read under their old names.
 */
const oldCookies: readonly { readonly pattern: RegExp; readonly maxAgeMs: number | null }[] = [
  { pattern: /^mayfly-(?:owner|language|declined-[a-z2-7]+)$/, maxAgeMs: 400 * dayMs },
  { pattern: /^mayfly-sender$/, maxAgeMs: 30 * dayMs },
  { pattern: /^mayfly-(?:visit|seen)-[a-z2-7]+$/, maxAgeMs: null },
]
/** Proxies accept headers of up to 4 kB (nginx, `proxy_buffer_size`): further cookies are set with the next page. */
const mostCarried = 8

/** Sets cookies of version 0.1.0 anew under this instance's names. They may be another's: each is checked where it is used. */
function carryOld(settings: WebSettings, req: Request, res: Response): void {
  const pairs = (req.get('cookie') ?? '').split(';').map((part) => part.trim().split('=', 2))
  const present = new Set(pairs.map(([name]) => name))
  let carried = 0
  for (const [name = '', value = ''] of pairs) {
    const bare = name.replace(/^__Host-/, '')
    const known = oldCookies.find(({ pattern }) => pattern.test(bare))
    if (!known || !value || name !== oldName(settings, bare) || carried === mostCarried) continue
    if (present.has(newName(settings, req, bare))) continue
    carried++
    setCookie(settings, res, {
      name: bare,
      value,
      ...(known.maxAgeMs === null ? {} : { maxAgeMs: known.maxAgeMs }),
    })
  }
}

const isPageAsked = (req: Request): boolean =>
  req.method === 'GET' && (req.get('accept') ?? '').startsWith('text/html')

/** Lets the cookies of this request be named after the instance. */
export function nameCookies({ ports, settings }: WebContext): RequestHandler {
  let known: { readonly id: string; readonly suffix: string } | null = null

  function learn(id: string): string {
    if (known?.id !== id) known = { id, suffix: suffixOf(id) }
    return known.suffix
  }

  /** While the bucket cannot be asked, the store alone says whose cookies these are. */
  async function suffixWhileUnknown(): Promise<string | null> {
    if (known) return known.suffix
    const identity = await readStoreIdentity(ports.store).catch(() => null)
    return identity && learn(identity.id)
  }

  function name(req: Request, res: Response, suffix: string): void {
    suffixes.set(req, suffix)
    if (isPageAsked(req) && req.headers.cookie?.includes('mayfly-')) carryOld(settings, req, res)
  }

  return (req, res, next) => {
    const state = ports.instance.state()
    if (state.kind === 'together') {
      name(req, res, learn(state.id))
      return next()
    }
    void suffixWhileUnknown().then((suffix) => {
      if (suffix !== null) name(req, res, suffix)
      next()
    })
  }
}
